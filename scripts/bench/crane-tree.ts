import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Digest, digestOf } from '@gantry/oci';
import {
  encodeRepository,
  encodeRoot,
  encodeShard,
  encodeStatement,
  formatList,
  listPath,
  POINTER_PATH,
  serialPath,
  shardOf,
  treeTime,
} from '@gantry/tree';

/** So many that a walk through them takes longer than ten seconds (walk-paths.lua). */
const PATHS_MAX = 600_000;

/**
 * Writes a tree's documents, without the objects they name: all that a crane needs to redirect. Beside it a file of
 * request paths in a random order, spread over all repositories: tags, manifests and blobs alike.
 * @returns the paths' file
 */
export async function writeCraneTree(folder: string, repositories: number, tags: number): Promise<string> {
  const put = async (path: string, bytes: Uint8Array | string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  };
  const shards = new Map<string, Map<string, Digest>>();
  const paths: string[] = [];
  const every = Math.max(1, Math.floor((repositories * tags * 3) / PATHS_MAX));
  for (let r = 0; r < repositories; r++) {
    const name = `team${r % 97}/project-${r}/image`;
    const maps = { tags: new Map<string, Digest>(), manifests: new Map(), blobs: new Map() };
    for (let t = 0; t < tags; t++) {
      const [manifest, config, layer] = ['manifest', 'config', 'layer'].map((what) =>
        digestOf(`${what} ${r} ${t}`),
      ) as [Digest, Digest, Digest];
      maps.tags.set(`v1.${t}`, manifest);
      maps.manifests.set(manifest, { kind: 'oci-manifest', size: 900, since: 1 });
      maps.blobs.set(config, { size: 1000, since: 1 });
      maps.blobs.set(layer, { size: 5_000_000, since: 1 });
      if ((r * tags + t) % every !== 0) continue;
      paths.push(
        // By its tag or by its digest: who asks for both within ten seconds has come back for one object.
        `/v2/${name}/manifests/${t % 2 === 0 ? `v1.${t}` : manifest}`,
        `/v2/${name}/blobs/${config}`,
        `/v2/${name}/blobs/${layer}`,
      );
    }
    const { document } = encodeRepository({ name, channel: 'stable', ...maps, referrers: new Map() });
    await put(document.path, document.bytes);
    shards.getOrInsertComputed(shardOf(name), () => new Map()).set(name, document.digest);
  }
  const root = new Map<string, Digest>();
  for (const [key, names] of shards) {
    const shard = encodeShard({ repositories: names });
    await put(shard.path, shard.bytes);
    root.set(key, shard.digest);
  }
  const rootDocument = encodeRoot({ shards: root });
  await put(rootDocument.path, rootDocument.bytes);
  const list = formatList([]);
  await put(listPath(1), list);
  const statement = encodeStatement({
    tree: 'bench',
    serial: 1,
    previous: null,
    published: treeTime(Date.now()),
    expires: treeTime(Date.now() + 7 * 86_400_000),
    root: rootDocument.digest,
    list: digestOf(list),
    full: null,
    signatures: [],
  });
  await put(serialPath(1), statement.bytes);
  await put(POINTER_PATH, statement.bytes);
  const file = join(folder, 'paths.txt');
  await writeFile(file, `${shuffled(paths).join('\n')}\n`);
  return file;
}

/** The same order each time. */
function shuffled(paths: readonly string[]): string[] {
  const mixed = [...paths];
  let state = 42;
  for (let last = mixed.length - 1; last > 0; last--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other] as string, mixed[last] as string];
  }
  return mixed;
}
