import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { entry, image, importedIn } from './import.fixture.ts';

/** That no more is taken than regsync takes, and that of each key is said what is so. */

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-import-regsync-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});
const imported = (kind: string, text: string) => importedIn(cwd, kind, text);

test.each([
  ['platform: local', 'sync[0].platform: local is no platform such as linux/amd64: the entry is left out'],
  [
    'platforms: [local]',
    'sync[0].platforms[0]: local is no platform such as linux/amd64: the entry is left out',
  ],
])('an entry of %s alone is left out', async (keys, why) => {
  const { sources, said } = await imported('regsync', entry(keys));
  expect(sources).toEqual([]);
  expect(said).toEqual([
    `theirs:2: ${why}`,
    '0 sources; 1 line has no counterpart, 0 are done in another way',
  ]);
});

test('platform holds alone, and of platforms those that are known', async () => {
  const both = await imported('regsync', entry('platform: linux/amd64, platforms: [linux/arm64]'));
  expect(both.sources).toMatchObject([{ platforms: ['linux/amd64'] }]);
  expect(both.said).toContain('theirs:2: sync[0].platforms: does nothing beside platform, as in regsync');
  const known = await imported('regsync', entry('platforms: [local, linux/arm64]'));
  expect(known.sources).toMatchObject([{ platforms: ['linux/arm64'] }]);
  expect(known.said[0]).toBe(
    'theirs:2: sync[0].platforms[0]: local is no platform such as linux/amd64: it is left out',
  );
});

test('what differs in referrers is not joined, as those of all images would come', async () => {
  const text = `sync:\n- ${image('1', '')}\n- ${image('2', 'referrers: true')}\n- ${image('3', '')}`;
  const { sources, said } = await imported('regsync', text);
  expect(sources).toMatchObject([{ tags: { include: ['1', '3'] }, referrers: false }]);
  expect(said).toContain(
    'theirs:3: sync[1]: is left out: it differs from sync[0] in referrers, and one source alone may yield a name',
  );
  const byTags = await imported(
    'skopeo',
    'q.example.org: { images: { a/b: [x] }, images-by-tag-regex: { a/b: . } }',
  );
  expect(byTags.sources).toMatchObject([{ referrers: true, tags: { include: ['x', '/.*..*/'] } }]);
});

test('rules that do nothing in an entry of a type are told as that', async () => {
  const { said } = await imported(
    'regsync',
    `sync: [${image('1', 'tags: { allow: [x] }, tagSets: [{ deny: [y] }], repos: { allow: [z] }')}]`,
  );
  expect(said).toEqual([
    ...['tags', 'tagSets', 'repos'].map(
      (key) => `theirs:1: sync[0].${key}: does nothing in an entry of type image, as in regsync`,
    ),
    '1 source; 0 lines have no counterpart, 3 are done in another way',
  ]);
});

test('what `regsync config` prints is read as the file that it was made of', async () => {
  const { sources, said } = await imported(
    'regsync',
    `defaults: { interval: 1h0m0s, schedule: "", fastCheck: null, blobLimit: 0 }
sync:
- source: r.example.org/a
  target: t.example.org/a
  type: repository
  tags: { allow: [], deny: [] }
  tagSets: [{ allow: [y], deny: [] }]
  repos: { allow: [], deny: [] }
  referrers: false
  platform: ""
  platforms: []
  interval: 0s
  schedule: ""
  hooks: { pre: null, post: null }`,
  );
  expect(sources).toMatchObject([{ every: '1h0m0s', tags: { include: ['y'] } }]);
  expect(sources[0]).not.toHaveProperty('platforms');
  expect(said).toEqual(['1 source; 0 lines have no counterpart, 0 are done in another way']);
});
