import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CatalogEntry, PoolObject } from '@gantry/catalog';
import { type Digest, digestOf, hasherFor, splitDigest } from '@gantry/oci';
import {
  type EncodedDocument,
  encodeRepository,
  encodeRoot,
  encodeShard,
  encodeStatement,
  fullListPath,
  listPath,
  POINTER_PATH,
  serialPath,
  shardOf,
  treeTime,
} from '@gantry/tree';
import { documentOf, filled, objectsOf, publishEntries, type Size } from './publish-content.ts';

/**
 * Lays the documents, lists and the statement of a tree at serial 1, as a publication would have, but for syncing to disk:
 * the objects that they name are not there, as no publication looks at what it does not change.
 * @returns all that a catalog has to know of it
 */
export function layPublished(
  root: string,
  size: Size,
  rounds: number,
  target: string,
): () => AsyncGenerator<CatalogEntry> {
  const folders = new Set<string>();
  const place = (path: string) => {
    const file = join(root, path);
    if (!folders.has(dirname(file))) mkdirSync(dirname(file), { recursive: true });
    folders.add(dirname(file));
    return file;
  };
  const pool: PoolObject[] = [];
  const lay = ({ path, digest, bytes }: EncodedDocument) => {
    writeFileSync(place(path), bytes, { mode: 0o444 });
    pool.push({ path, size: bytes.length, sha256: splitDigest(digest).hex, since: 1 });
  };
  const shards = new Map<string, Map<string, Digest>>();
  for (const repository of filled(size)) {
    const { document, parts } = encodeRepository(documentOf(repository));
    for (const one of [document, ...parts]) lay(one);
    for (const object of objectsOf(repository)) pool.push(object);
    const { name } = repository;
    shards.getOrInsertComputed(shardOf(name), () => new Map()).set(name, document.digest);
  }
  const top = new Map<string, Digest>();
  for (const [key, repositories] of shards) {
    const shard = encodeShard({ repositories });
    lay(shard);
    top.set(key, shard.digest);
  }
  const encodedRoot = encodeRoot({ shards: top });
  lay(encodedRoot);
  pool.sort((a, b) => (a.path < b.path ? -1 : 1));
  const list = layLists([place(listPath(1)), place(fullListPath(1))], pool);
  const publishedMs = Date.now();
  const statement = encodeStatement({
    tree: 'bench',
    serial: 1,
    previous: null,
    published: treeTime(publishedMs),
    expires: treeTime(publishedMs + 7 * 86_400_000),
    root: encodedRoot.digest,
    list,
    full: { serial: 1, digest: list },
    signatures: [],
  });
  for (const path of [serialPath(1), POINTER_PATH]) writeFileSync(place(path), statement.bytes);

  return async function* entries() {
    yield* publishEntries(size, rounds, target);
    const bytes = pool.reduce((sum, object) => sum + object.size, 0);
    yield {
      noun: 'publications',
      record: {
        tree: 'main',
        serial: 1,
        state: 'published',
        root: encodedRoot.digest,
        promotions: [],
        added: { objects: pool.length, bytes },
        publishedAt: new Date(publishedMs).toISOString(),
      },
    };
    for (const object of pool) yield { noun: 'pool', record: { ...object, tree: 'main' } };
    yield { noun: 'poolSerials', record: { tree: 'main', serial: 1 } };
  };
}

/** The list of a serial that brought all there is, and the full list: the same bytes. @returns their digest */
function layLists(files: readonly string[], pool: readonly PoolObject[]): Digest {
  const hash = hasherFor(digestOf(''));
  const open = files.map((file) => openSync(file, 'w', 0o444));
  for (let from = 0; from < pool.length; from += 10_000) {
    const lines = pool
      .slice(from, from + 10_000)
      .map(({ path, size, sha256 }) => `+ ${size} ${sha256} ${path}\n`)
      .join('');
    hash.update(lines);
    for (const file of open) writeSync(file, lines);
  }
  for (const file of open) closeSync(file);
  return `sha256:${hash.digest('hex')}`;
}
