import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load, problemsOf } from './load.fixture.ts';
import { maskSecrets, showConfiguration } from './show.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-trees-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

const TWO = `
tree: { filesystem: { root: ./public } }
trees:
  internal:
    filesystem: { root: ./internal }
    grace: 1d
    keepSnapshots: 5
    signing: { keyFile: ./internal.key }
    listen: 127.0.0.1:5083
  partner: {}
channels:
  - { name: stable }
  - { name: beta, tree: main, prefix: beta/ }
  - { name: inside, tree: internal, from: stable }
  - { name: partners, tree: partner }
`;

describe('further trees', () => {
  test('are like the main one, each with its own place, times, keys and channels', async () => {
    const { configuration, warnings } = await load(cwd, TWO);
    expect(warnings).toEqual([]);
    expect(configuration.tree).toMatchObject({ filesystem: { root: path.join(cwd, 'public') } });
    expect(configuration.trees).toEqual({
      internal: {
        filesystem: { root: path.join(cwd, 'internal') },
        keepUntaggedMs: 30 * 86_400_000,
        refreshMs: 86_400_000,
        retention: { graceMs: 86_400_000, keepSnapshots: 5, keepSnapshotsForMs: 30 * 86_400_000 },
        signing: { keyFiles: [path.join(cwd, 'internal.key')] },
        listen: { host: '127.0.0.1', port: 5083 },
      },
      partner: {
        filesystem: { root: path.join(cwd, 'data/trees/partner') },
        keepUntaggedMs: 30 * 86_400_000,
        refreshMs: 86_400_000,
        retention: { graceMs: 7 * 86_400_000, keepSnapshots: 50, keepSnapshotsForMs: 30 * 86_400_000 },
      },
    });
    expect(configuration.channels.map(({ name, tree }) => [name, tree])).toEqual([
      ['stable', undefined],
      ['beta', undefined],
      ['inside', 'internal'],
      ['partners', 'partner'],
    ]);
  });

  test('are shown as they are in force, and what is shown loads again as the same', async () => {
    const { configuration } = await load(cwd, TWO);
    const shown = showConfiguration(configuration);
    expect(maskSecrets(configuration)).toMatchObject({
      trees: {
        internal: { grace: '1d', keepSnapshots: 5, listen: '127.0.0.1:5083' },
        partner: { grace: '7d' },
      },
    });
    expect((await load(cwd, shown)).configuration).toEqual(configuration);
  });

  test('may be in buckets, with secrets that are never shown', async () => {
    const text = `
tree: { s3: { bucket: gantry, prefix: public } }
trees: { internal: { s3: { bucket: gantry, prefix: internal, accessKeyId: AK, secretAccessKey: hunter2 } } }
channels: [{ name: stable }, { name: inside, tree: internal }]
crane: { tree: "https://dl.example.org/gantry" }
`;
    const { configuration } = await load(cwd, text);
    const { internal } = configuration.trees;
    expect(internal && 's3' in internal && (await internal.s3.credentials?.secretAccessKey.read())).toBe(
      'hunter2',
    );
    expect(showConfiguration(configuration)).not.toContain('hunter2');
  });

  test('come from the environment as one variable', async () => {
    const env = { GANTRY_TREES: '{"internal":{"filesystem":{"root":"./inner"}}}' };
    const { configuration } = await load(cwd, 'channels: [{ name: inside, tree: internal }]', env);
    expect(configuration.trees['internal']).toMatchObject({ filesystem: { root: path.join(cwd, 'inner') } });
  });

  test.each([
    ['', []],
    ['trees: { spare: {} }', ['gantry.yaml:1:10: trees.spare: is the tree of no channel']],
    [
      'trees: { inside: {}, spare: {} }\nchannels: [{ name: inside, tree: inside }]',
      ['gantry.yaml:1:22: trees.spare: is the tree of no channel'],
    ],
  ])('that no channel uses are warned of: %j', async (text, expected) => {
    const { warnings } = await load(cwd, text);
    expect(warnings).toEqual(expected.map((line) => expect.stringContaining(line)));
  });
});

const INTERNAL = 'trees:\n  internal: {}\n';

describe('of trees and their channels', () => {
  test.each([
    [
      'a channel whose tree there is not',
      `${INTERNAL}channels:\n  - { name: a, tree: intern }`,
      ['gantry.yaml:4:22: channels[0].tree: "intern" names no tree: there are main, internal'],
    ],
    [
      'a channel that is in a tree and in none',
      `${INTERNAL}channels:\n  - { name: a, publish: false, tree: internal }`,
      [
        'gantry.yaml:4:32: channels[0].tree: stands beside publish: false, which keeps the channel out of every tree',
      ],
    ],
    [
      'one prefix twice in one tree',
      `${INTERNAL}channels:\n  - { name: a, tree: internal }\n  - { name: b, tree: internal }`,
      ['gantry.yaml:5:5: channels[1].prefix: "" is the prefix of channels[0] too: each needs its own'],
    ],
    [
      'one prefix twice in the main tree, however it is named',
      'channels:\n  - { name: a }\n  - { name: b, tree: main }',
      ['gantry.yaml:3:5: channels[1].prefix: "" is the prefix of channels[0] too: each needs its own'],
    ],
    [
      'a tree with the name of the main one',
      'trees:\n  main: {}',
      [
        'gantry.yaml:2:3: trees.main: is the name of the tree that tree describes: give this one another name',
      ],
    ],
    ['a name that is none', 'trees:\n  "a/b": {}', ['gantry.yaml:2:3: trees["a/b"]: is not a name']],
    [
      'a key that there is not',
      'trees:\n  internal: { keepSnapshot: 3 }',
      ['gantry.yaml:2:15: trees.internal.keepSnapshot: unknown key; did you mean keepSnapshots?'],
    ],
    [
      'a tree without a map',
      'trees:\n  internal: yes',
      ['gantry.yaml:2:13: trees.internal: "yes" must be a map'],
    ],
    [
      'two engines',
      'trees:\n  internal: { filesystem: { root: a }, s3: { bucket: abc } }',
      [
        'gantry.yaml:2:40: trees.internal.s3: stands beside trees.internal.filesystem: trees.internal has one engine',
      ],
    ],
    [
      'half a credential',
      'trees:\n  internal: { s3: { bucket: abc, accessKeyId: AK } }',
      ['gantry.yaml:2:19: trees.internal.s3: is not complete: it needs secretAccessKey'],
    ],
    [
      'a web server of a bucket',
      'trees:\n  internal: { s3: { bucket: abc }, listen: 127.0.0.1:5083 }',
      ['gantry.yaml:2:36: trees.internal.listen: is the built-in web server of a folder'],
    ],
  ])('refuses %s, with its line', async (_what, text, expected) => {
    expect(await problemsOf(cwd, text)).toEqual(expected.map((line) => expect.stringContaining(line)));
  });

  test('takes one prefix in two trees', async () => {
    const text = `${INTERNAL}channels: [{ name: a }, { name: b, tree: internal }]`;
    expect(await problemsOf(cwd, text)).toEqual([]);
  });
});

const folders = (a: string, b: string) =>
  `tree: { filesystem: { root: ${a} } }\ntrees:\n  internal: { filesystem: { root: ${b} } }\nchannels: [{ name: b, tree: internal }]`;
const buckets = (a: string, b: string) =>
  `tree: { s3: { ${a} } }\ntrees:\n  internal: { s3: { ${b} } }\nchannels: [{ name: b, tree: internal }]`;

describe('two trees with one place', () => {
  test.each([
    ['one folder', folders('./t', './t/'), 'trees.internal.filesystem.root: '],
    ['one folder in the other', folders('./t', './t/pool'), 'trees.internal.filesystem.root: '],
    ['the other in the one', folders('./t/a', './t'), 'trees.internal.filesystem.root: '],
    ['one that the store has', folders('./t', './data/store/x'), 'trees.internal.filesystem.root: '],
    [
      'one bucket',
      buckets('bucket: abc', 'bucket: abc'),
      'trees.internal.s3: and tree.s3 lie one in the other',
    ],
    ['one prefix', buckets('bucket: abc, prefix: a', 'bucket: abc, prefix: a/'), 'trees.internal.s3: '],
    ['a prefix in the other', buckets('bucket: abc', 'bucket: abc, prefix: a'), 'trees.internal.s3: '],
  ])('is refused: %s', async (_what, text, expected) => {
    const problems = await problemsOf(cwd, text);
    expect(problems).toEqual([expect.stringContaining(expected)]);
    expect(problems[0]).toMatch(/^gantry\.yaml:3:\d+: /);
  });

  test('is refused among further ones too', async () => {
    const text = 'trees:\n  a: { filesystem: { root: x } }\n  b: { filesystem: { root: x/y } }\n';
    expect(await problemsOf(cwd, text)).toEqual([
      expect.stringContaining('gantry.yaml:3:28: trees.b.filesystem.root: '),
    ]);
  });

  test.each([
    ['two folders side by side', folders('./t', './t2')],
    ['two prefixes', buckets('bucket: abc, prefix: a', 'bucket: abc, prefix: ab')],
    ['two servers', buckets('bucket: abc', 'bucket: abc, endpoint: "https://s3.example.org"')],
  ])('is none: %s', async (_what, text) => {
    expect(await problemsOf(cwd, text)).toEqual([]);
  });
});

test('what no tag reaches any more stays for the grace at least', async () => {
  const { configuration } = await load(cwd, 'tree: { grace: 40d }\ntrees: { lab: { keepUntagged: 1d } }\n');
  expect([configuration.tree.keepUntaggedMs, configuration.trees['lab']?.keepUntaggedMs]).toEqual([
    40 * 86_400_000,
    7 * 86_400_000,
  ]);
});
