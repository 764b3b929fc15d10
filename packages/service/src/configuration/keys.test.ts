import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load, problemsOf } from './load.fixture.ts';
import { loadConfiguration } from './load.ts';
import { maskSecrets, showConfiguration } from './show.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const PUBLIC = publicKey.export({ type: 'spki', format: 'pem' });
const PRIVATE = privateKey.export({ type: 'pkcs8', format: 'pem' });
const quoted = (text: string) => JSON.stringify(text);

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-keys-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

test('without keys nothing is signed, and nothing is asked for', async () => {
  const { configuration } = await load(cwd, '{}');
  expect([configuration.tree.signing, configuration.crane.trustedKeys]).toEqual([undefined, []]);
});

test('one file signs, or several; keys are trusted by their files, or as they stand there', async () => {
  const one = await load(cwd, `tree: { signing: { keyFile: ./release.key } }`);
  expect(one.configuration.tree.signing).toEqual({ keyFiles: [path.join(cwd, 'release.key')] });
  const text = `
tree: { signing: { keyFile: [./release.key, /keys/next.key] } }
crane: { trustedKeys: [./release.pub, ${quoted(PUBLIC)}] }
`;
  const { configuration } = await load(cwd, text);
  expect(configuration.tree.signing).toEqual({
    keyFiles: [path.join(cwd, 'release.key'), '/keys/next.key'],
  });
  expect(configuration.crane.trustedKeys).toEqual([{ file: path.join(cwd, 'release.pub') }, { pem: PUBLIC }]);
  expect(maskSecrets(configuration)).toMatchObject({
    tree: { signing: { keyFile: [path.join(cwd, 'release.key'), '/keys/next.key'] } },
    crane: { trustedKeys: [path.join(cwd, 'release.pub'), PUBLIC] },
  });
  await writeFile(path.join(cwd, 'again.yaml'), showConfiguration(configuration));
  const again = await loadConfiguration({ env: {}, cwd, file: 'again.yaml' });
  expect(again.configuration).toMatchObject({ tree: configuration.tree, crane: configuration.crane });
});

test('that none signs any more is said by "none", which is no file', async () => {
  const { configuration } = await load(cwd, 'tree: { signing: { keyFile: none } }');
  expect(configuration.tree.signing).toEqual({ keyFiles: [] });
  expect(maskSecrets(configuration)).toMatchObject({ tree: { signing: { keyFile: 'none' } } });
  const named = await load(cwd, 'tree: { signing: { keyFile: ./none } }');
  expect(named.configuration.tree.signing).toEqual({ keyFiles: [path.join(cwd, 'none')] });
});

test('both come from the environment, too', async () => {
  const { configuration } = await load(cwd, '{}', {
    GANTRY_TREE_SIGNING_KEY_FILE: './release.key',
    GANTRY_CRANE_TRUSTED_KEYS: JSON.stringify([PUBLIC, 'b.pub']),
  });
  expect(configuration.tree.signing).toEqual({ keyFiles: [path.join(cwd, 'release.key')] });
  expect(configuration.crane.trustedKeys).toEqual([{ pem: PUBLIC }, { file: path.join(cwd, 'b.pub') }]);
});

test.each([
  ['tree: { signing: { keyFile: [] } }', /tree\.signing\.keyFile: .*empty/],
  ['tree: { signing: {} }', /tree\.signing\.keyFile: /],
  ['tree: { signing: { keyfile: x } }', /did you mean keyFile/],
  [
    `tree: { signing: { keyFile: ${quoted(PRIVATE)} } }`,
    /tree\.signing\.keyFile: the value is not the file of a private key/,
  ],
  ['crane: { trustedKeys: a.pub }', /crane\.trustedKeys: .*must be a list/],
  ['crane: { trustedKeys: [""] }', /crane\.trustedKeys\[0\]: the value is empty/],
  [`crane: { trustedKeys: [${quoted(PRIVATE)}] }`, /crane\.trustedKeys\[0\]: the value is a private key/],
  [`crane: { trustedKeys: [${quoted(PUBLIC.slice(0, 60))}] }`, /is not an Ed25519 public key in PEM/],
])('%s is refused, and no key is shown', async (text, message) => {
  const problems = await problemsOf(cwd, text);
  expect(problems).toEqual([expect.stringMatching(message)]);
  expect(problems.join()).not.toContain(PRIVATE.split('\n')[1]?.slice(-20));
});

test('files that are not there are warned of', async () => {
  await load(
    cwd,
    `tree: { signing: { keyFile: [a.key] } }\ncrane: { trustedKeys: [b.pub, ${quoted(PUBLIC)}] }`,
  );
  const { warnings } = await loadConfiguration({ env: {}, cwd, lookAtFiles: true });
  expect(warnings).toEqual([
    expect.stringMatching(/tree\.signing\.keyFile\[0\]: the file .*a\.key is not there/),
    expect.stringMatching(/crane\.trustedKeys\[0\]: the file .*b\.pub is not there/),
  ]);
});
