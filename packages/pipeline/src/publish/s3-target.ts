import { Fault, hasherFor, splitDigest } from '@gantry/oci';
import type { BlobStore } from '@gantry/store';
import {
  createS3Client,
  Leftovers,
  type RetryPolicy,
  type S3Client,
  type S3Configuration,
} from '@gantry/store/s3';
import {
  decodeStatement,
  fullListPath,
  MAX_STATEMENT_BYTES,
  parsePath,
  POINTER_PATH,
  serialPath,
} from '@gantry/tree';
import { freeChunk } from '../free-chunk.ts';
import type { PoolContent } from './compose-repository.ts';
import { poolOrListPath, poolPath } from './pool-path.ts';
import { refuseNewerFormat } from './refuse-newer-format.ts';
import { contentPutter } from './s3-target/content.ts';
import { headersFor } from './s3-target/headers.ts';
import { movePointer } from './s3-target/pointer.ts';
import { prepareRoot } from './s3-target/root.ts';
import { s3Tree } from './s3-tree-source.ts';
import type { TreeTarget } from './tree-target.ts';

/** An upload in which nothing has moved for a day has no publisher any more. */
const ABANDONED_MS = 24 * 3600 * 1000;
/** How often abandoned uploads are looked for. */
const TIDY_EVERY_MS = 3600 * 1000;
const REMOVALS_AT_ONCE = 16;

export interface S3TargetOptions {
  /** Told of what goes wrong beside the calls, such as a right that tidying lacks. Must not throw. */
  readonly onTrouble?: (fault: Fault) => void;
  /** For tests. */
  readonly retries?: RetryPolicy;
  /** For tests. */
  readonly abandonedMs?: number;
}

/**
 * A tree in a bucket, or in it below a prefix. An object is there whole and durable once its put was answered, with the
 * Content-Type and Cache-Control that it is to be served with. What a serial names is created, never replaced; the pointer
 * moves by comparison.
 * @throws Fault CONFIGURATION_INVALID for a bucket that is not there, or holds something that is no tree, for rights that
 * are missing, and for a server that ignores conditions; UNAVAILABLE
 */
export async function openS3Target(
  configuration: S3Configuration,
  store: BlobStore,
  { retries, abandonedMs = ABANDONED_MS, onTrouble = () => undefined }: S3TargetOptions = {},
): Promise<TreeTarget> {
  const client = await openClient(configuration, retries);
  const source = s3Tree(client);
  const putContent = contentPutter(client, store);
  const leftovers = new Leftovers(client, 'pool/', onTrouble);
  let tidiedAt = -Infinity;

  /** Whether an object is there as it should be. */
  const isThere = async (path: string, sizeBytes: number) => {
    const found = await client.head(path);
    return found?.sizeBytes === sizeBytes && found.contentType === headersFor(path).contentType;
  };

  /** Whether the bytes of an object are those of its digest. */
  const isWhole = async ({ path, digest }: PoolContent) => {
    const hasher = hasherFor(digest);
    for await (const chunk of (await source.open(path)) ?? []) {
      hasher.update(chunk as Buffer);
      freeChunk(chunk as Buffer);
    }
    return hasher.digest('hex') === splitDigest(digest).hex;
  };

  /** Whether an object is there as it should be, to the byte. */
  const holds = async (path: string, bytes: Uint8Array) => {
    try {
      const there = await client.read(path, bytes.length);
      return (
        there !== undefined &&
        there.object.contentType === headersFor(path).contentType &&
        Buffer.compare(there.bytes, bytes) === 0
      );
    } catch (error) {
      if (error instanceof Fault && error.code === 'SIZE_INVALID') return false;
      throw error;
    }
  };

  /** Creates an object. @returns false if there is one with other bytes */
  const create = async (path: string, bytes: Uint8Array) => {
    const { written } = await client.put(path, bytes, { ...headersFor(path), ifNoneMatch: '*' });
    if (written) return true;
    const found = await client.head(path);
    if (found?.sizeBytes !== bytes.length) return false;
    const there = await client.read(path, bytes.length);
    return there !== undefined && Buffer.compare(there.bytes, bytes) === 0;
  };

  const highestSerial = async () => {
    // Those below the pointer need not be listed, however long the history is.
    const pointer = await client.read(POINTER_PATH, MAX_STATEMENT_BYTES);
    let highest =
      pointer === undefined ? 0 : decodeStatement(pointer.bytes, `${POINTER_PATH} of ${source.name}`).serial;
    const after = highest === 0 ? {} : { after: serialPath(highest) };
    for await (const { path } of client.list('serial/', after)) {
      const parsed = parsePath(path);
      if (parsed?.type === 'serial') highest = Math.max(highest, parsed.serial);
    }
    return highest;
  };

  return {
    source,

    async begin(confirm) {
      await confirm();
      if (performance.now() - tidiedAt < TIDY_EVERY_MS) return;
      tidiedAt = performance.now();
      // By their age, so that those of a publisher that has followed are not among them.
      await leftovers.remove(abandonedMs);
    },

    async putContent(object, { check = false } = {}) {
      if ((await isThere(object.path, object.size)) && (!check || (await isWhole(object)))) return;
      try {
        await putContent(object, check);
      } catch (error) {
        if ((await store.stat(object.digest)) !== undefined) throw error;
        const { digest } = object;
        throw new Fault('BLOB_UNKNOWN', `${digest} is not in the store`, { digest }, { cause: error });
      }
    },

    isOfStore: () => Promise.resolve(false),

    async putDocument(path, bytes) {
      if (await holds(path, bytes)) return;
      await client.put(path, bytes, headersFor(path));
    },

    putList: async (path, bytes) =>
      create(path, bytes instanceof Uint8Array ? bytes : Buffer.concat(await Array.fromAsync(bytes))),
    settle: async () => undefined, // what S3 has answered is durable
    claim: (serial, statement) => create(serialPath(serial), statement),
    movePointer: (statement) => movePointer(client, source, highestSerial, statement),

    highestSerial,
    async removeContent(path) {
      await client.remove(poolPath(path));
    },
    async removeAll(paths, lease) {
      const wanted = paths.map(poolOrListPath);
      for (let at = 0; at < wanted.length; at += REMOVALS_AT_ONCE) {
        await lease.confirm();
        const some = wanted.slice(at, at + REMOVALS_AT_ONCE);
        await Promise.all(some.map((path) => client.remove(path, { signal: lease.signal })));
      }
    },
    putAt: async (path) => (await client.head(path))?.modifiedAt,
    removeFullList: (serial) => client.remove(fullListPath(serial)),
  };
}

async function openClient(
  configuration: S3Configuration,
  retries: RetryPolicy | undefined,
): Promise<S3Client> {
  try {
    const client = await createS3Client(configuration, retries === undefined ? {} : { retries });
    await refuseNewerFormat(s3Tree(client), 'tree.s3');
    await prepareRoot(client);
    return client;
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'CONFIGURATION_INVALID') throw error;
    throw ofTree(error);
  }
}

/** The client does not know which part of the configuration it was made of. */
function ofTree(fault: Fault): Fault {
  const { message, details, cause } = fault;
  if (message.startsWith('tree.')) return fault;
  const told = message.startsWith('s3.') ? `tree.${message}` : `tree.s3: ${message}`;
  const key = `tree.${details['key'] ?? 's3'}`;
  return new Fault('CONFIGURATION_INVALID', told, { ...details, key }, { cause });
}
