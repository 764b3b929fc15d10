import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hash } from 'node:crypto';
import { type Digest, digestOf, type Manifest, parseManifest } from '@gantry/oci';
import { directoryTree } from './directory-source.ts';
import type { EncodedDocument, ListLine, ManifestEntry, RepositoryDocument } from './documents.ts';
import type { SigningKey } from './keys.ts';
import { formatList, type PoolEntry, parseList, replay } from './lists.ts';
import { readStatement } from './open-tree.ts';
import { blobPath, listPath, manifestPath, POINTER_PATH, shardOf } from './paths.ts';
import { encodeReferrers } from './referrers.ts';
import { encodeRepository } from './repository.ts';
import { encodeRoot } from './root.ts';
import { encodeShard } from './shard.ts';
import { signStatement } from './signatures.ts';
import { encodeStatement, type StatedSerial, treeTime } from './statement.ts';
import type { TreeSource } from './tree-source.ts';

/** Content as its bytes; what `digestOf` or the body itself would not tell of it comes with them. */
export type LaidContent =
  | Uint8Array
  | { readonly bytes: Uint8Array; readonly digest?: Digest; readonly mediaType?: string };

/** All of one repository, in memory. */
export interface LaidRepository {
  readonly name: string;
  /** `stable` if absent. */
  readonly channel?: string;
  readonly tags: Readonly<Record<string, Digest>> | ReadonlyMap<string, Digest>;
  readonly manifests?: readonly LaidContent[];
  readonly blobs?: readonly LaidContent[];
}

export interface LaidState {
  readonly repositories: readonly LaidRepository[];
  /** The tree's id at its first serial; `tree-laid-from-memory` if absent. Later ones keep it. */
  readonly tree?: string;
  /** One above the former if absent. */
  readonly serial?: number;
  /** Milliseconds since 1970; now if absent. The statement expires a week after it. */
  readonly publishedMs?: number;
  /** Keys that sign the statement. */
  readonly signing?: readonly SigningKey[];
}

/**
 * Writes a small whole tree from memory, for first steps and tests: the first serial into an empty directory, the next
 * one into a directory that holds a tree. `repositories` is all that the serial holds; what earlier ones held stays in
 * the pool. Not for use on a tree that is published: nothing is locked or synced to disk.
 * @throws Fault MANIFEST_INVALID, TREE_INVALID
 */
export async function layTree(directory: string, state: LaidState): Promise<StatedSerial> {
  const source = directoryTree(directory);
  const former = await readStatement(source);
  const serial = state.serial ?? (former?.statement.serial ?? 0) + 1;
  const pool = replay(await formerLists(source, former));
  const layer = poolWriter(directory, serial, pool);

  const shards = new Map<string, Map<string, Digest>>();
  for (const repository of state.repositories) {
    const digest = await layer.repository(repository);
    const key = shardOf(repository.name);
    shards.set(key, (shards.get(key) ?? new Map<string, Digest>()).set(repository.name, digest));
  }
  const shardDigests = new Map<string, Digest>();
  for (const [key, repositories] of shards) {
    shardDigests.set(key, await layer.document(encodeShard({ repositories })));
  }
  const root = await layer.document(encodeRoot({ shards: shardDigests }));

  const list = formatList(layer.added.values());
  await lay(directory, listPath(serial), list);
  const publishedMs = state.publishedMs ?? Date.now();
  const unsigned = {
    tree: former?.statement.tree ?? state.tree ?? 'tree-laid-from-memory',
    serial,
    previous: former === undefined ? null : { serial: former.statement.serial, digest: former.digest },
    published: treeTime(publishedMs),
    expires: treeTime(publishedMs + WEEK_MS),
    root,
    list: digestOf(list),
    full: former?.statement.full ?? null,
    signatures: [],
  };
  const statement = signStatement(unsigned, state.signing ?? []);
  const encoded = encodeStatement(statement);
  await lay(directory, encoded.path, encoded.bytes);
  await lay(directory, POINTER_PATH, encoded.bytes);
  return { statement, digest: encoded.digest };
}

const WEEK_MS = 7 * 24 * 60 * 60 * 1000;

/** Puts content into the pool, and keeps the lines of what was not there. */
function poolWriter(directory: string, serial: number, pool: ReadonlyMap<string, PoolEntry>) {
  const added = new Map<string, ListLine>();
  const put = async (file: string, bytes: Uint8Array): Promise<number> => {
    const former = pool.get(file);
    if (former !== undefined) return former.since;
    if (!added.has(file)) {
      await lay(directory, file, bytes);
      added.set(file, { op: '+', size: bytes.length, sha256: hash('sha256', bytes), path: file });
    }
    return serial;
  };
  const document = async (encoded: EncodedDocument): Promise<Digest> => {
    await put(encoded.path, encoded.bytes);
    return encoded.digest;
  };
  const repository = async (laid: LaidRepository): Promise<Digest> => {
    const blobs = new Map<Digest, { size: number; since: number }>();
    for (const { bytes, digest = digestOf(bytes) } of (laid.blobs ?? []).map(apart)) {
      blobs.set(digest, { size: bytes.length, since: await put(blobPath(digest), bytes) });
    }
    const manifests = new Map<Digest, ManifestEntry>();
    const bySubject = new Map<Digest, Manifest[]>();
    for (const { bytes, mediaType, digest: named } of (laid.manifests ?? []).map(apart)) {
      const manifest = parseManifest(bytes, mediaType, named);
      const { digest, kind, size, subject } = manifest;
      manifests.set(digest, { kind, size, since: await put(manifestPath(kind, digest), bytes) });
      if (subject !== undefined) bySubject.set(subject, [...(bySubject.get(subject) ?? []), manifest]);
    }
    const referrers = new Map<Digest, Digest>();
    for (const [subject, refer] of bySubject) referrers.set(subject, await document(encodeReferrers(refer)));
    const { name, channel = 'stable' } = laid;
    const tags = laid.tags instanceof Map ? laid.tags : new Map(Object.entries(laid.tags));
    const whole: RepositoryDocument = { name, channel, tags, manifests, blobs, referrers };
    const encoded = encodeRepository(whole);
    for (const part of encoded.parts) await document(part);
    return document(encoded.document);
  };
  return { document, repository, added };
}

function apart(content: LaidContent): Exclude<LaidContent, Uint8Array> {
  return content instanceof Uint8Array ? { bytes: content } : content;
}

/** The lists of the tree's history, oldest first. */
async function formerLists(source: TreeSource, current: StatedSerial | undefined) {
  const lists: { serial: number; lines: ListLine[] }[] = [];
  for (let at = current; at !== undefined;) {
    const { serial, previous } = at.statement;
    const file = listPath(serial);
    const bytes = await source.read(file, Number.MAX_SAFE_INTEGER);
    lists.unshift({ serial, lines: parseList(bytes ?? new Uint8Array(), `${file} of ${source.name}`) });
    at = previous === null ? undefined : await readStatement(source, previous.serial);
  }
  return lists;
}

/** One file, whole under its name at once, with the modes that a tree's files and folders have. */
async function lay(directory: string, file: string, bytes: Uint8Array): Promise<void> {
  const target = path.join(directory, file);
  await makeFolder(path.dirname(target));
  await writeFile(`${target}.new`, bytes);
  await chmod(`${target}.new`, 0o444);
  await rename(`${target}.new`, target);
}

/** A folder and those above it that are missing, 0755 whatever the umask. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = path.dirname(made)) await chmod(made, 0o755);
}
