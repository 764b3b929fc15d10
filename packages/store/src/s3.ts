import { Readable } from 'node:stream';
import {
  type Digest,
  type DigestAlgorithm,
  DIGEST_ALGORITHMS,
  Fault,
  isDigest,
  splitDigest,
} from '@gantry/oci';
import type { BlobRemoval } from './blob-removal.ts';
import type { BlobStore, BlobWriter, ByteRange, ObjectBlobs, StoreOptions } from './blob-store.ts';
import { digestOfStream } from './digest-of-stream.ts';
import { OpenWriters } from './open-writers.ts';
import { type S3Abilities } from './s3/access.ts';
import { goneAgain, S3Writer } from './s3/blob-writer.ts';
import { Cleaning } from './s3/cleaning.ts';
import { createS3Client, type S3Client } from './s3/client.ts';
import type { S3Configuration } from './s3/configuration.ts';
import { KeptUploads } from './s3/kept-uploads.ts';
import { Leftovers } from './s3/leftovers.ts';
import { PartBuffers } from './s3/part-buffers.ts';
import type { BlobParts } from './s3/parts-sender.ts';
import type { RetryPolicy } from './s3/retry.ts';
import { SmallBlobs } from './s3/small-blobs.ts';
import { MIN_PART_BYTES, partSizeFor, type S3Upload } from './s3/uploads.ts';
import { VisibleWriter } from './visible-writer.ts';

/** What all writers of a store together hold of bytes that are on their way. */
const BUFFERED_MAX_BYTES = 4 * MIN_PART_BYTES;
/** How long a `stat` that found nothing spares the `write` after it the same question. */
const ABSENT_MS = 10_000;
const ABSENT_MAX = 10_000;

export interface S3StoreOptions extends StoreOptions {
  /** For tests. */
  readonly retries?: RetryPolicy;
}

/**
 * Blobs as objects `blobs/<algorithm>/<ab>/<hex>` below the prefix of a bucket. Any number of processes may use one.
 * Rights and conditional writes are tried before anything is done.
 * @throws Fault CONFIGURATION_INVALID naming bucket and endpoint; UNAVAILABLE
 */
export async function openS3Store(
  configuration: S3Configuration,
  { retries, onTrouble = () => undefined }: S3StoreOptions = {},
): Promise<BlobStore & ObjectBlobs> {
  let client: S3Client | undefined;
  try {
    client = await createS3Client(configuration, retries === undefined ? {} : { retries });
    return new S3Store(client, await client.probe(), onTrouble);
  } catch (error) {
    client?.[Symbol.dispose]();
    throw error instanceof Fault && error.code === 'CONFIGURATION_INVALID' ? ofStorage(error) : error;
  }
}

/** The client does not know which part of the configuration it was made of. */
function ofStorage({ message, details, cause }: Fault): Fault {
  const told = message.startsWith('s3.') ? `storage.${message}` : `storage.s3: ${message}`;
  return new Fault(
    'CONFIGURATION_INVALID',
    told,
    { ...details, key: `storage.${details['key'] ?? 's3'}` },
    { cause },
  );
}

class S3Store implements BlobStore, ObjectBlobs {
  readonly endpoint: string | undefined;
  readonly #client: S3Client;
  /** Without it, a second writer replaces a blob by the same bytes: no harm, but no use. */
  readonly #createOnly: { ifNoneMatch?: '*' };
  readonly #buffers = new PartBuffers(MIN_PART_BYTES, BUFFERED_MAX_BYTES);
  readonly #writers = new OpenWriters();
  readonly #kept = new KeptUploads();
  readonly #small = new SmallBlobs();
  readonly #absent = new Map<Digest, number>();
  readonly #cleaning: Cleaning;

  constructor(client: S3Client, abilities: S3Abilities, onTrouble: (fault: Fault) => void) {
    this.endpoint = client.endpoint;
    this.#client = client;
    this.#createOnly = abilities.ifNoneMatch ? { ifNoneMatch: '*' } : {};
    this.#cleaning = new Cleaning(new Leftovers(client, 'blobs/', onTrouble));
  }

  objectOf(digest: Digest): { bucket: string; key: string } {
    return { bucket: this.#client.bucket, key: this.#client.keyOf(pathOf(digest)) };
  }

  async stat(digest: Digest): Promise<{ size: number } | undefined> {
    const found = await this.#client.head(pathOf(digest));
    if (found !== undefined) return { size: found.sizeBytes };
    if (this.#absent.size >= ABSENT_MAX) this.#absent.clear();
    this.#absent.set(digest, performance.now());
    return undefined;
  }

  async open(digest: Digest, range?: ByteRange): Promise<Readable> {
    if (range !== undefined && (range.start < 0 || (range.end ?? range.start) < range.start))
      throw await this.#noSuchBytes(digest, range);
    const opened = await this.#client.open(pathOf(digest), range).catch(async (error: unknown) => {
      if (!(error instanceof Fault && error.code === 'SIZE_INVALID') || range === undefined) throw error;
      // The range 0- of an empty blob is no range to S3.
      if (range.start === 0) return { body: Readable.from([]) };
      throw await this.#noSuchBytes(digest, range);
    });
    if (opened === undefined) throw unknownBlob(digest);
    return opened.body;
  }

  async read(digest: Digest, maxBytes: number): Promise<Buffer> {
    const known = this.#small.get(digest);
    if (known !== undefined && known.length <= maxBytes) return known;
    const found = await this.#client.read(pathOf(digest), maxBytes);
    if (found === undefined) throw unknownBlob(digest);
    this.#small.set(digest, found.bytes);
    return found.bytes;
  }

  async write(digest: Digest, size: number): Promise<BlobWriter> {
    return await this.#writers.open(digest, (release) => this.#writer(digest, size, release));
  }

  async *list(after?: Digest): AsyncIterable<{ digest: Digest; size: number }> {
    for (const algorithm of (Object.keys(DIGEST_ALGORITHMS) as DigestAlgorithm[]).toSorted()) {
      if (after !== undefined && `${algorithm}:~` < after) continue;
      const start = `blobs/${algorithm}/`;
      const from = after?.startsWith(`${algorithm}:`) === true ? { after: pathOf(after) } : {};
      for await (const { path, sizeBytes } of this.#client.list(start, from)) {
        const digest = `${algorithm}:${path.slice(start.length + 3)}`;
        if (isDigest(digest) && pathOf(digest) === path) yield { digest, size: sizeBytes };
      }
    }
  }

  async delete(digest: Digest): Promise<void> {
    this.#small.delete(digest);
    await this.#client.remove(pathOf(digest));
    this.#small.delete(digest);
  }

  async startRemoval(_lease: string, confirm: () => Promise<void>): Promise<BlobRemoval> {
    await confirm();
    return {
      remove: async (digest) => {
        await confirm(); // no delete of S3 can ask for it: so right before
        await this.delete(digest);
      },
      quarantine: async (digest) => {
        const found = await this.#client.open(pathOf(digest));
        if (found === undefined) return undefined;
        if ((await digestOfStream(digest, found.body)) === digest) return undefined;
        const path = pathOf(digest);
        const aside = `quarantine${path.slice('blobs'.length)}`;
        const { bucket } = this.#client;
        const { sizeBytes } = found.object;
        await this.#client.copy({ bucket, key: this.#client.keyOf(path), sizeBytes }, aside);
        await confirm();
        await this.delete(digest);
        return `s3://${bucket}/${this.#client.keyOf(aside)}`;
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writers[Symbol.asyncDispose]();
    await this.#cleaning[Symbol.asyncDispose]();
    // Nobody can go on with these: their hashes end with the process.
    await this.#kept[Symbol.asyncDispose]();
    this.#client[Symbol.dispose]();
  }

  async #writer(digest: Digest, size: number, release: () => void): Promise<BlobWriter> {
    const found = this.#isKnownAbsent(digest) ? undefined : await this.#client.head(pathOf(digest));
    if (found === undefined) {
      const parts = this.#parts(digest, size);
      return new S3Writer({
        digest,
        size,
        parts,
        kept: await this.#kept.take(digest, size),
        keep: (kept) => this.#kept.keep(digest, size, kept),
        release,
      });
    }
    if (found.sizeBytes !== size) throw otherSize(digest, found.sizeBytes, size);
    return new VisibleWriter({
      digest,
      size,
      isThere: async () => (await this.#client.head(pathOf(digest))) !== undefined,
      makeDurable: async () => undefined, // what S3 has answered is
      release,
    });
  }

  /** Whether a `stat` of a moment ago has found nothing. If another process was faster since, the put tells. */
  #isKnownAbsent(digest: Digest): boolean {
    const since = this.#absent.get(digest);
    this.#absent.delete(digest);
    return since !== undefined && performance.now() - since < ABSENT_MS;
  }

  #parts(digest: Digest, size: number): BlobParts {
    const path = pathOf(digest);
    return {
      size,
      partBytes: partSizeFor(size),
      buffers: this.#buffers,
      startUpload: () => this.#client.startUpload(path, { contentType: 'application/octet-stream' }),
      putWhole: async (bytes, hash) => {
        const { written } = await this.#client.put(path, bytes, {
          ...this.#createOnly,
          ...(hash === undefined ? {} : { hash }),
        });
        if (!written) await this.#mustBeWhole(digest, size);
        this.#small.set(digest, bytes);
      },
      complete: (upload) => this.#complete(upload, digest, size),
    };
  }

  async #complete(upload: S3Upload, digest: Digest, size: number): Promise<void> {
    try {
      const { written } = await upload.complete(this.#createOnly);
      if (written) return;
    } catch (error) {
      // Whoever made the blob visible has proven its digest, this writer with an answer lost or another.
      const found = await this.#client.head(pathOf(digest)).catch(() => undefined);
      if (found?.sizeBytes !== size) throw error;
    }
    await upload.abort().catch(() => undefined);
    await this.#mustBeWhole(digest, size);
  }

  /** Another writer has made the blob visible: it proved the digest, as all do. */
  async #mustBeWhole(digest: Digest, size: number): Promise<void> {
    const found = await this.#client.head(pathOf(digest));
    if (found === undefined) throw goneAgain(digest);
    if (found.sizeBytes !== size) throw otherSize(digest, found.sizeBytes, size);
  }

  async #noSuchBytes(digest: Digest, { start, end }: ByteRange): Promise<Fault> {
    const found = await this.#client.head(pathOf(digest));
    if (found === undefined) return unknownBlob(digest);
    const size = found.sizeBytes;
    return new Fault(
      'SIZE_INVALID',
      `the blob ${digest} has ${size} bytes, and no bytes ${start} to ${end ?? Math.max(size - 1, start)}`,
      { digest, size },
    );
  }
}

function pathOf(digest: Digest): string {
  const { algorithm, hex } = splitDigest(digest);
  return `blobs/${algorithm}/${hex.slice(0, 2)}/${hex}`;
}

function unknownBlob(digest: Digest): Fault {
  return new Fault('BLOB_UNKNOWN', `the blob ${digest} is not in the store`, { digest });
}

function otherSize(digest: Digest, has: number, said: number): Fault {
  return new Fault('SIZE_INVALID', `the blob ${digest} has ${has} bytes, not the ${said} that were said`, {
    digest,
    size: said,
  });
}
