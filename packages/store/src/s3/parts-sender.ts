import type { Hash } from 'node:crypto';
import type { PartBuffers } from './part-buffers.ts';
import { type PayloadHash, payloadHashOf } from './session.ts';
import type { S3Upload } from './uploads.ts';

const PARTS_AT_ONCE = 4;

/** How a blob's bytes come to the bucket. */
export interface BlobParts {
  readonly size: number;
  /** All parts but the last have this size; a blob that is not larger is put whole. */
  readonly partBytes: number;
  readonly buffers: PartBuffers;
  readonly startUpload: () => Promise<S3Upload>;
  readonly putWhole: (bytes: Uint8Array, hash: PayloadHash | undefined) => Promise<void>;
  readonly complete: (upload: S3Upload) => Promise<void>;
}

/** An upload of whole parts that nobody writes to at the moment. */
export interface PartsLeft {
  readonly upload: S3Upload;
  /** Bytes in its parts. */
  readonly offset: number;
}

/** The same with the hash of those bytes, which can be kept in the process only. */
export interface PartsKept extends PartsLeft {
  readonly hash: Hash;
}

/** Gathers bytes into parts, and sends some of them side by side while the next one is filled. */
export class PartsSender {
  readonly #blob: BlobParts;
  readonly #underWay = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #upload: Promise<S3Upload> | undefined;
  #number: number;
  #offset: number;
  #part: Buffer | undefined;
  #filled = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(blob: BlobParts, left: PartsLeft | undefined) {
    this.#blob = blob;
    this.#offset = left?.offset ?? 0;
    this.#number = this.#offset / blob.partBytes;
    if (left !== undefined) this.#upload = Promise.resolve(left.upload);
  }

  /** Whether all bytes so far are in parts that were handed over. */
  get isAtPart(): boolean {
    return this.#filled === 0;
  }

  /** Takes a copy of the chunk's beginning, as much as goes into the part. Fails as an earlier part failed. @returns what it took */
  async fill(chunk: Uint8Array): Promise<Uint8Array> {
    const { size, partBytes, buffers } = this.#blob;
    if (this.#failure !== undefined) throw this.#failure.error;
    const partSize = Math.min(partBytes, size - this.#offset + this.#filled);
    this.#part ??= await buffers.take(partSize);
    const piece = chunk.subarray(0, partSize - this.#filled);
    this.#part.set(piece, this.#filled);
    this.#filled += piece.length;
    this.#offset += piece.length;
    if (this.#filled === partSize && size > partBytes) await this.#sendPart();
    return piece;
  }

  /** Makes the object. @param sha256 of the whole blob, if it is known */
  async finish(sha256: string | undefined): Promise<void> {
    const { size, partBytes, putWhole, complete } = this.#blob;
    if (size <= partBytes) {
      const bytes = this.#part?.subarray(0, this.#filled) ?? Buffer.alloc(0);
      await putWhole(bytes, sha256 === undefined ? undefined : payloadHashOf(sha256));
    } else {
      await Promise.all(this.#underWay);
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#upload !== undefined) await complete(await this.#upload);
    }
    this.#letGo();
  }

  /** Ends for now: the bytes of a part that is not full are forgotten. @returns the upload, if it has parts */
  async leave(): Promise<PartsLeft | undefined> {
    await Promise.allSettled(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure.error;
    const offset = this.#offset - this.#filled;
    this.#letGo();
    return this.#upload === undefined ? undefined : { upload: await this.#upload, offset };
  }

  /** Ends without keeping anything. What the server does not let go of now is removed as abandoned later. */
  async drop(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#underWay);
    this.#letGo();
    const upload = await this.#upload?.catch(() => undefined);
    this.#upload = undefined;
    await upload?.abort().catch(() => undefined);
  }

  async #sendPart(): Promise<void> {
    const { buffers, startUpload } = this.#blob;
    const buffer = this.#part;
    if (buffer === undefined) return;
    const bytes = buffer.subarray(0, this.#filled);
    const number = ++this.#number;
    this.#part = undefined;
    this.#filled = 0;
    this.#upload ??= startUpload();
    const sending = this.#upload
      .then((upload) => upload.putPart(number, bytes, { signal: this.#stop.signal }))
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        buffers.give(buffer);
        this.#underWay.delete(sending);
      });
    this.#underWay.add(sending);
    if (this.#underWay.size >= PARTS_AT_ONCE) await Promise.race(this.#underWay);
  }

  #letGo(): void {
    if (this.#part !== undefined) this.#blob.buffers.give(this.#part);
    this.#part = undefined;
    this.#filled = 0;
  }
}
