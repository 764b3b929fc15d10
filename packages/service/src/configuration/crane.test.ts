import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load, problemsOf } from './load.fixture.ts';

/** Keys of a crane that are wrong: where they stand, and what would be right. */

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-crane-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

test.each([
  ['workers: 0', '2:12: crane.workers: 0 is below 1'],
  ['workers: 65', '2:12: crane.workers: 65 is above 64'],
  ['workers: 1.5', '2:12: crane.workers: 1.5 is neither a whole number nor auto'],
  ['workers: "2"', '2:12: crane.workers: "2" is neither a whole number nor auto'],
  ['workers: many', '2:12: crane.workers: "many" is neither a whole number nor auto'],
  ['seed: ""', '2:9: crane.seed: "" is empty'],
  ['seed: 1.5', '2:9: crane.seed: 1.5 is neither text nor a whole number'],
  ['seed: [a]', '2:9: crane.seed: a list is neither text nor a whole number'],
  ['accessLog: ""', '2:14: crane.accessLog: "" is empty'],
  ['accessLog: { file: x }', '2:14: crane.accessLog: a map must be text'],
  ['redirectJson: [""]', '2:18: crane.redirectJson[0]: "" is empty'],
  ['compat: 1', '2:11: crane.compat: 1 must be true or false'],
  ['cdn: { tokens: {} }\n  redirectJson: [a]', '2:10: crane.cdn.tokens: unknown key; did you mean token?'],
  [
    'endpoint: https://registry.example.org\n  redirectJson: [a]',
    '2:13: crane.endpoint: "https://registry.example.org" is not a host: write registry.example.org or 192.0.2.1:5000',
  ],
])('%s is refused, with its place', async (text, problem) => {
  expect(await problemsOf(cwd, `crane:\n  ${text}\n`)).toEqual([`gantry.yaml:${problem}`]);
});

test.each([
  ['WORKERS', '0', ': crane.workers: 0 is below 1'],
  ['WORKERS', 'many', ': crane.workers: "many" is neither a whole number nor auto'],
  ['SEED', '1.5', ': crane.seed: 1.5 is neither text nor a whole number'],
  ['COMPAT', 'yes', ': crane.compat: "yes" must be true or false'],
  ['REDIRECT_JSON', '/var/lib/crane', ':1:1: crane.redirectJson: "/var/lib/crane" must be a list'],
  ['REDIRECT_JSON', '[""]', ':1:2: crane.redirectJson[0]: "" is empty'],
])('so is GANTRY_CRANE_%s=%s', async (name, text, problem) => {
  expect(await problemsOf(cwd, '', { [`GANTRY_CRANE_${name}`]: text })).toEqual([
    `GANTRY_CRANE_${name}${problem}`,
  ]);
});

test('the environment says how many workers there are, the seed and the access log', async () => {
  const env = { GANTRY_CRANE_WORKERS: 'auto', GANTRY_CRANE_SEED: '7', GANTRY_CRANE_ACCESS_LOG: 'stdout' };
  const { configuration } = await load(cwd, '', env);
  expect(configuration.crane).toMatchObject({ workers: 'auto', seed: 7, accessLog: 'stdout' });
  const counted = await load(cwd, '', { GANTRY_CRANE_WORKERS: '2', GANTRY_CRANE_SEED: 'blue' });
  expect(counted.configuration.crane).toMatchObject({ workers: 2, seed: 'blue' });
});
