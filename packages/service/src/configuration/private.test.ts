import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load, problemsOf } from './load.fixture.ts';
import { showConfiguration } from './show.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-private-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

const WHOLE = `
api:
  pullTokens: { service: a, issuer: b, keyFile: ./tokens.key, ttl: 3m }
crane:
  tls: { certFile: ./crane.pem, keyFile: ./crane.key }
  private:
    repositories: [corp/**]
    readers: [{ users: [alice], groups: [staff], repositories: [corp/tools/**] }]
    challenge: [base, names]
    htpasswdFile: ./htpasswd
    tokens:
      realm: https://a.example.org/token
      service: a
      issuer: b
      keyFiles: [./tokens.pub]
      jwksUri: https://b.example.org/keys
      caFile: ./issuer.pem
      clockTolerance: 10s
    certificates:
      caFile: ./ca.pem
      path: /content/{repository}
      values: [{ oid: 1.2.3.4, value: gold, repositories: [corp/gold/**] }]
  signedUrls: { secretFile: ./url-secret, ttl: 4m }
  mirrors: [{ name: closed, url: https://closed.example.org, signed: true }]
`;

test('what is shown is a configuration again, and names the files of secrets without what they hold', async () => {
  for (const file of ['tokens.key', 'crane.key', 'htpasswd', 'url-secret'])
    await writeFile(path.join(cwd, file), 'a secret of the file', { mode: 0o600 });
  const first = await load(cwd, WHOLE);
  const shown = showConfiguration(first.configuration);
  expect(shown).not.toContain('a secret of the file');
  for (const file of ['tokens.key', 'crane.key', 'htpasswd', 'url-secret'])
    expect(shown).toContain(path.join(cwd, file));
  const second = await load(cwd, shown);
  expect(second.configuration.crane).toEqual(first.configuration.crane);
  expect(second.configuration.api.pullTokens).toEqual(first.configuration.api.pullTokens);
});

const TOKENS = 'realm: "https://a.example.org/token", service: a, issuer: a';

test.each([
  ['private: { readers: [{ repositories: [a] }] }', /readers\[0\]: .*needs users or groups/],
  [`private: { tokens: { ${TOKENS} } }`, /private\.tokens: .*needs keyFiles or jwksUri/],
  [
    'private: { tokens: { realm: "https://user:secret@a.example.org/token", service: a, issuer: a, keyFiles: [k] } }',
    /realm: .*credentials/,
  ],
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
