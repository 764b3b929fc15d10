import { type Digest, digestOf } from './digest.ts';
import { GRAPH_MAX_DEPTH, GRAPH_MAX_MANIFESTS, type GraphNode, walkManifests } from './graph.ts';
import type { Manifest } from './manifest.ts';
import { MANIFEST_MEDIA_TYPES } from './media-types.ts';

/** Manifests by name, each with the names of its children. */
type Shape = ReadonlyMap<string, readonly string[]>;

const digestNamed = (name: string) => digestOf(name);

function manifest(digest: Digest, children: readonly string[]): Manifest {
  return {
    digest,
    kind: 'oci-index',
    size: 1,
    manifests: children.map((child) => ({
      mediaType: MANIFEST_MEDIA_TYPES['oci-index'],
      digest: digestNamed(child),
      size: child.length,
    })),
    blobs: [],
  };
}

/** Walks from `root`, and notes each visit. */
async function walk(shape: Shape, root: string, leftOut: readonly string[] = []) {
  const byDigest = new Map([...shape].map(([name, children]) => [digestNamed(name), { name, children }]));
  const visited: string[] = [];
  const nodes: GraphNode[] = [];
  const found = await walkManifests({ digest: digestNamed(root) }, async (node) => {
    const { name, children } = byDigest.get(node.digest) ?? { name: '?', children: [] };
    visited.push(name);
    nodes.push(node);
    return leftOut.includes(name) ? undefined : manifest(node.digest, children);
  });
  return { visited, nodes, found: found.map(({ digest }) => byDigest.get(digest)?.name) };
}

/** An index in an index, so many levels below the root. */
function chain(levels: number): Shape {
  return new Map(
    Array.from({ length: levels + 1 }, (_, n) => [`level ${n}`, n < levels ? [`level ${n + 1}`] : []]),
  );
}

describe('Walking a graph of manifests', () => {
  test('goes level by level, and tells what the parent said of each', async () => {
    const shape = new Map([
      ['root', ['a', 'b']],
      ['a', ['c']],
      ['b', ['d', 'c']],
      ['c', []],
      ['d', []],
    ]);
    const { visited, nodes, found } = await walk(shape, 'root');
    expect(visited).toEqual(['root', 'a', 'b', 'c', 'd']);
    expect(found).toEqual(visited);
    expect(nodes[0]).toEqual({ digest: digestNamed('root') });
    expect(nodes[1]).toEqual({
      digest: digestNamed('a'),
      mediaType: MANIFEST_MEDIA_TYPES['oci-index'],
      size: 1,
    });
  });

  test('does not go below what is left out', async () => {
    const shape = new Map([
      ['root', ['wanted', 'other']],
      ['wanted', []],
      ['other', ['below']],
      ['below', []],
    ]);
    const { visited, found } = await walk(shape, 'root', ['other']);
    expect(visited).toEqual(['root', 'wanted', 'other']);
    expect(found).toEqual(['root', 'wanted']);
  });

  test('visits 41 manifests 41 times, though 2^40 paths lead to the last', async () => {
    // Each index names the next one twice. A reader that follows paths would not come to an end.
    const shape = new Map(
      Array.from({ length: 41 }, (_, n) => [String(n), n < 40 ? [String(n + 1), String(n + 1)] : []]),
    );
    const { visited } = await walk(shape, '0');
    expect(visited).toEqual([...shape.keys()]);
  });

  test('comes to an end even if a graph could lead back to itself', async () => {
    const { visited } = await walk(
      new Map([
        ['a', ['b']],
        ['b', ['a', 'b']],
      ]),
      'a',
    );
    expect(visited).toEqual(['a', 'b']);
  });

  test(`takes ${GRAPH_MAX_DEPTH} levels below the root, and refuses one more by the root's name`, async () => {
    expect((await walk(chain(GRAPH_MAX_DEPTH), 'level 0')).visited).toHaveLength(GRAPH_MAX_DEPTH + 1);
    await expect(walk(chain(GRAPH_MAX_DEPTH + 1), 'level 0')).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
      message: `the manifest ${digestNamed('level 0')} is refused: indexes are nested deeper than 64`,
    });
  });

  test('refuses more distinct manifests than the limit before it visits them', async () => {
    const children = Array.from({ length: GRAPH_MAX_MANIFESTS }, (_, n) => `child ${n}`);
    let visits = 0;
    const walked = (names: readonly string[]) =>
      walkManifests({ digest: digestNamed('root') }, async ({ digest }) => {
        visits++;
        return manifest(digest, digest === digestNamed('root') ? names : []);
      });
    await expect(walked(children)).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringContaining('more than 100000 distinct manifests') as string,
    });
    expect(visits).toBe(1);
    expect(await walked([...children.slice(1), 'child 1'])).toHaveLength(GRAPH_MAX_MANIFESTS);
  });

  test('fails as a visit fails', async () => {
    await expect(
      walkManifests({ digest: digestNamed('root') }, async () => {
        throw new Error('not there');
      }),
    ).rejects.toThrow('not there');
  });
});
