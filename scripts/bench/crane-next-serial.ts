import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestOf } from '@gantry/oci';
import {
  directoryTree,
  encodeRepository,
  encodeRoot,
  encodeShard,
  encodeStatement,
  formatList,
  listPath,
  openTree,
  POINTER_PATH,
  serialPath,
  shardOf,
} from '@gantry/tree';

/** A serial that is written but for its pointer. */
export interface NextSerial {
  readonly serial: number;
  /** Moves the pointer. */
  publish(): Promise<void>;
}

/** Prepares a tree's next serial, in which one tag of one repository names another manifest and all else is as before. */
export async function prepareNextSerial(folder: string, name: string, tag: string): Promise<NextSerial> {
  const put = async (path: string, bytes: Uint8Array | string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  };
  const view = await openTree(directoryTree(folder));
  const former = await view?.repository(name);
  if (view === undefined || former === undefined) throw new Error(`there is no ${name} in ${folder}`);
  const serial = view.statement.serial + 1;
  const digest = digestOf(`manifest of serial ${serial}`);
  const repository = encodeRepository({
    ...former,
    tags: new Map([...former.tags, [tag, digest]]),
    manifests: new Map([...former.manifests, [digest, { kind: 'oci-manifest', size: 900, since: serial }]]),
  }).document;
  const key = shardOf(name);
  const { repositories } = await view.shard(key);
  const shard = encodeShard({ repositories: new Map([...repositories, [name, repository.digest]]) });
  const root = encodeRoot({ shards: new Map([...view.shards, [key, shard.digest]]) });
  for (const { path, bytes } of [repository, shard, root]) await put(path, bytes);
  const list = formatList([]);
  await put(listPath(serial), list);
  const { bytes } = encodeStatement({
    ...view.statement,
    serial,
    previous: { serial: serial - 1, digest: view.digest },
    root: root.digest,
    list: digestOf(list),
  });
  await put(serialPath(serial), bytes);
  await put(`${POINTER_PATH}.next`, bytes);
  return {
    serial,
    publish: () => rename(join(folder, `${POINTER_PATH}.next`), join(folder, POINTER_PATH)),
  };
}
