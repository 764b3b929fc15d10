import { prepareRoot } from './root.ts';

/** A bucket with such keys, on a server that keeps to such conditions; notes what is tried. */
function bucketWith(
  paths: readonly string[],
  { ifNoneMatch = true, ifMatch = true }: { ifNoneMatch?: boolean; ifMatch?: boolean } = {},
) {
  const tried: string[] = [];
  return {
    tried,
    name: 'the bucket "b" at https://s3.example.org',
    bucket: 'b',
    endpoint: 'https://s3.example.org',
    keyOf: (path: string) => `some/where/${path}`,
    async *list(start: string, { after = '' }: { readonly after?: string } = {}) {
      for (const path of paths.toSorted())
        if (path.startsWith(start) && path > after)
          yield { path, sizeBytes: 1, etag: '', modifiedAt: undefined };
    },
    async probe() {
      tried.push('write');
      return { ifNoneMatch, ifMatch };
    },
  };
}

const [LIST, POOL, SERIAL] = ['lists/000000000001.txt', 'pool/index/sha256/aa/x.json', 'serial/current.json'];

test.each([
  ['an empty bucket', []],
  ['a tree', [LIST, POOL, SERIAL]],
  ['a tree whose first publication was cut off', [LIST, POOL]],
  ['one where only trying was cut off', ['probe/1']],
  ['a tree beside which something lies', [LIST, 'logs/1', SERIAL]],
])('%s may hold a tree', async (_, paths) => {
  const client = bucketWith(paths);
  await prepareRoot(client);
  expect(client.tried).toEqual(['write']);
});

test.each([
  ['before what a tree has', ['blobs/sha256/aa/x', POOL], 'some/where/blobs/sha256/aa/x'],
  ['between', [LIST, 'logs/1', POOL], 'some/where/logs/1'],
  ['behind', [LIST, POOL, 'zebra'], 'some/where/zebra'],
  ['with a name that is nearly one of a tree', ['listsome'], 'some/where/listsome'],
])(
  'a bucket with something else %s is refused by its name, and nothing is written',
  async (_, paths, key) => {
    const client = bucketWith(paths);
    await expect(prepareRoot(client)).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringContaining(`holds "${key}" and no tree`),
      details: { key: 'tree.s3' },
    });
    expect(client.tried).toEqual([]);
  },
);

test.each([
  [{ ifNoneMatch: false }, 'If-None-Match'],
  [{ ifMatch: false }, 'If-Match'],
])('a server that ignores a condition is refused: %j', async (abilities, header) => {
  await expect(prepareRoot(bucketWith([], abilities))).rejects.toMatchObject({
    code: 'CONFIGURATION_INVALID',
    message: expect.stringContaining(`does not keep to ${header},`),
  });
});
