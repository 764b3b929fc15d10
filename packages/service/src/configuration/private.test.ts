import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { problemsOf } from './load.fixture.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-private-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

const TOKENS = 'realm: "https://a.example.org/token", service: a, issuer: a';

test.each([
  ['private: { readers: [{ repositories: [a] }] }', /readers\[0\]: .*needs users or groups/],
  [`private: { tokens: { ${TOKENS} } }`, /private\.tokens: .*needs keyFiles or jwksUri/],
  ['private: { certificates: { caFile: ./ca.pem } }', /certificates: .*can reach nobody/],
  ['private: { certificates: { caFile: ./ca.pem, header: x-cert } }', /header: .*trusted proxies alone/],
  ['private: { challenge: [names] }', /challenge: .*nothing to ask for/],
  ['signedUrls: { secretFile: ./secret }', /signedUrls: .*there is none/],
  ['mirrors: [{ name: a, url: "https://a.example.org", signed: true }]', /signed: .*set crane\.signedUrls/],
])('%s is refused, with its line', async (crane, message) => {
  const problems = await problemsOf(cwd, `crane:\n  ${crane}\n`);
  expect(problems).toEqual([expect.stringMatching(message)]);
  expect(problems[0]).toMatch(/gantry\.yaml:2/);
});
