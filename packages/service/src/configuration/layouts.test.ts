import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load, problemsOf } from './load.fixture.ts';
import { maskSecrets } from './show.ts';

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'gantry-configuration-'));
});
afterAll(() => rmSync(cwd, { recursive: true }));

test('layouts lie beside their tree unless it is said', async () => {
  const { configuration } = await load(
    cwd,
    'tree: { layouts: [oci, registry, oci] }\ntrees: { extra: { layouts: [pulp], layoutsRoot: ./x, layoutsUrl: "https://dl.example.org/pulp/" } }\nchannels: [{ name: stable }, { name: inner, tree: extra }]\n',
  );
  expect(configuration.tree.layouts).toEqual({
    layouts: ['oci', 'registry'],
    root: path.join(cwd, 'data/tree-layouts'),
  });
  expect(configuration.trees['extra']?.layouts).toEqual({
    layouts: ['pulp'],
    root: path.join(cwd, 'x'),
    url: 'https://dl.example.org/pulp',
  });
  expect(maskSecrets(configuration)).toMatchObject({
    trees: { extra: { layouts: ['pulp'], layoutsRoot: path.join(cwd, 'x') } },
  });
});

test('there are none unless they are asked for', async () => {
  expect((await load(cwd, 'tree: { layoutsRoot: ./x }\n')).configuration.tree).not.toHaveProperty('layouts');
});

test.each([
  [
    'of a tree in a bucket',
    'tree: { s3: { bucket: abc }, layouts: [oci] }\n',
    'tree.layouts: are made of hardlinks',
  ],
  [
    'pulp without its address',
    'tree: { layouts: [pulp] }\n',
    'tree.layouts: name pulp, which needs tree.layoutsUrl',
  ],
  ['one that there is not', 'tree: { layouts: [nix] }\n', 'tree.layouts[0]: '],
  ['an address that is none', 'tree: { layoutsUrl: here }\n', 'tree.layoutsUrl: "here" is not an address'],
  ['in the tree', 'tree: { layouts: [oci], layoutsRoot: ./data/tree/x }\n', 'tree.layoutsRoot: '],
  ['above the store', 'tree: { layouts: [oci], layoutsRoot: ./data }\n', 'and storage.filesystem.root, '],
  [
    'where another tree has its own',
    'tree: { layouts: [oci], layoutsRoot: ./x }\ntrees: { extra: { layouts: [oci], layoutsRoot: ./x/y } }\nchannels: [{ name: a }, { name: b, tree: extra }]\n',
    'and tree.layoutsRoot, ',
  ],
])('layouts are refused: %s', async (_, text, expected) => {
  const lines = await problemsOf(cwd, text);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(expected);
});
