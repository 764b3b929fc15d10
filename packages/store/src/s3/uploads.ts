import type * as Sdk from '@aws-sdk/client-s3';
import { Fault, quote } from '@gantry/oci';
import { isPreconditionFailed, isUploadUnknown } from './failures.ts';
import {
  abortBy,
  damaged,
  headersOf,
  newWriteId,
  type PutOptions,
  type Written,
  writtenAs,
} from './objects.ts';
import { type CallOptions, payloadHash, type S3Session, signedAs } from './session.ts';

/** Bounds of the S3 protocol ("Amazon S3 multipart upload limits"). */
export const MIN_PART_BYTES = 5 * 1024 * 1024;
/** Also the most that one request copies. */
export const MAX_PART_BYTES = 5 * 1024 ** 3;
export const MAX_PARTS = 10_000;
const FEW_PARTS = 1000;
const LARGE_PART_BYTES = 64 * 1024 * 1024;
const MAX_OBJECT_BYTES = 5 * 1024 ** 4;
const MIB = 1024 * 1024;

/** An object on its way, in parts that may be sent side by side. Nobody sees it before `complete`. */
export interface S3Upload {
  readonly path: string;
  /**
   * Sends part `number`, from 1 on, with its sha256. All but the last are of one size, MIN_PART_BYTES or more. A signal
   * ends its attempts and never cuts one: what a server still takes in may outlive the abort of its upload
   * ("AbortMultipartUpload": parts in progress).
   */
  putPart(number: number, bytes: Uint8Array, options?: CallOptions): Promise<void>;
  /** Makes the object of all parts that were put, in their order. */
  complete(options?: CallOptions & { readonly ifNoneMatch?: '*' }): Promise<Written>;
  /** Throws the parts away. No error if they are gone. */
  abort(options?: CallOptions): Promise<void>;
}

/**
 * The size of all parts but the last: the least that there may be, so that memory is bounded; from 5 GB on more, so that 1000
 * parts do, which is Swift's bound (`max_upload_part_num`); and beyond 64 GB as much as 10,000 parts need.
 * @throws Fault SIZE_INVALID over 5 TiB, which no object can have
 */
export function partSizeFor(sizeBytes: number): number {
  if (sizeBytes > MAX_OBJECT_BYTES)
    throw new Fault(
      'SIZE_INVALID',
      `an object in S3 has ${MAX_OBJECT_BYTES} bytes at most, not ${sizeBytes}`,
    );
  const inParts = (count: number) => Math.ceil(sizeBytes / count / MIB) * MIB;
  return Math.max(MIN_PART_BYTES, Math.min(inParts(FEW_PARTS), LARGE_PART_BYTES), inParts(MAX_PARTS));
}

/** Starts to write an object in parts. */
export async function startUpload(
  session: S3Session,
  path: string,
  options: PutOptions = {},
): Promise<S3Upload> {
  return await UploadInParts.start(session, path, { ...options, checksums: true });
}

/** An upload as `startUpload` gives it, and what copying in parts needs besides. */
export class UploadInParts implements S3Upload {
  readonly path: string;
  readonly #session: S3Session;
  readonly #uploadId: string;
  readonly #writeId: { Metadata: Record<string, string> };
  readonly #parts = new Map<number, Sdk.CompletedPart>();

  private constructor(
    session: S3Session,
    path: string,
    uploadId: string,
    writeId: { Metadata: Record<string, string> },
  ) {
    this.#session = session;
    this.path = path;
    this.#uploadId = uploadId;
    this.#writeId = writeId;
  }

  static async start(
    session: S3Session,
    path: string,
    options: PutOptions & { readonly checksums: boolean },
  ): Promise<UploadInParts> {
    const { sdk, client } = session;
    const writeId = newWriteId();
    const input = {
      ...session.at(path),
      ...headersOf(options),
      ...writeId,
      ...(options.checksums ? { ChecksumAlgorithm: 'SHA256' as const } : {}),
    };
    // An answer that is lost leaves an upload without parts behind, until abandoned ones are removed.
    const send = () => client.send(new sdk.CreateMultipartUploadCommand(input), abortBy(options));
    const { UploadId: id } = await session.call(`start to write ${quote(path)}`, send, options);
    if (id === undefined) throw new Fault('UNAVAILABLE', `${session.place.name} gave no id for an upload`);
    return new UploadInParts(session, path, id, writeId);
  }

  async putPart(number: number, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    const { sdk, client } = this.#session;
    const hash = payloadHash(bytes);
    const input = {
      ...this.#upload(),
      PartNumber: number,
      Body: bytes,
      ContentLength: bytes.length,
      ChecksumSHA256: hash.base64,
    };
    const send = async () => {
      const output = await client.send(signedAs(new sdk.UploadPartCommand(input), hash, this.#session.place));
      if (output.ChecksumSHA256 !== undefined && output.ChecksumSHA256 !== hash.base64)
        throw damaged(this.#session, this.path);
      return output;
    };
    const { ETag, ChecksumSHA256 } = await this.#session.call(
      this.#doing(`put part ${number} of`),
      send,
      options,
    );
    this.#parts.set(number, {
      PartNumber: number,
      ...(ETag === undefined ? {} : { ETag }),
      // A server that has no checksums of this kind (Swift) does not tell one either, and wants none when it completes.
      ...(ChecksumSHA256 === undefined ? {} : { ChecksumSHA256 }),
    });
  }

  /** Part `number` is bytes of another object, which the server copies by itself. @param source as CopySource has it */
  async copyPart(
    number: number,
    source: string,
    range: { start: number; end: number },
    options?: CallOptions,
  ): Promise<void> {
    const { sdk, client } = this.#session;
    const input = {
      ...this.#upload(),
      PartNumber: number,
      CopySource: source,
      CopySourceRange: `bytes=${range.start}-${range.end}`,
    };
    const send = () => client.send(new sdk.UploadPartCopyCommand(input), abortBy(options));
    const { CopyPartResult } = await this.#session.call(this.#doing(`copy part ${number} of`), send, options);
    const { ETag } = CopyPartResult ?? {};
    this.#parts.set(number, { PartNumber: number, ...(ETag === undefined ? {} : { ETag }) });
  }

  async complete(options: CallOptions & { readonly ifNoneMatch?: '*' } = {}): Promise<Written> {
    const { sdk, client } = this.#session;
    const { ifNoneMatch } = options;
    const input = {
      ...this.#upload(),
      ...(ifNoneMatch === undefined ? {} : { IfNoneMatch: ifNoneMatch }),
      MultipartUpload: {
        Parts: [...this.#parts.values()].toSorted((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0)),
      },
    };
    return await this.#session.call(
      this.#doing('complete'),
      async (): Promise<Written> => {
        try {
          const output = await client.send(new sdk.CompleteMultipartUploadCommand(input), abortBy(options));
          return { written: true, etag: output.ETag ?? '' };
        } catch (error) {
          const refused = isPreconditionFailed(error);
          if (!refused && !isUploadUnknown(error)) throw error;
          // An earlier attempt may have done it, and its answer was lost.
          const etag = await writtenAs(this.#session, this.path, this.#writeId);
          if (etag !== undefined) return { written: true, etag };
          if (refused) return { written: false };
          throw error;
        }
      },
      options,
    );
  }

  async abort(options?: CallOptions): Promise<void> {
    await abortUpload(this.#session, this.path, this.#uploadId, options);
  }

  #upload(): { Bucket: string; Key: string; UploadId: string } {
    return { ...this.#session.at(this.path), UploadId: this.#uploadId };
  }

  #doing(what: string): string {
    return `${what} ${quote(this.path)}`;
  }
}

/** An upload that was started and neither completed nor aborted. */
export interface OpenUpload {
  readonly path: string;
  readonly uploadId: string;
  readonly startedAt: Date | undefined;
}

/** All open uploads below a path. */
export async function* listUploads(
  session: S3Session,
  start: string,
  options?: CallOptions,
): AsyncGenerator<OpenUpload> {
  const { sdk, client, place } = session;
  let marker: { KeyMarker?: string; UploadIdMarker?: string } = {};
  for (;;) {
    const input = { Bucket: place.bucket, Prefix: session.keyOf(start), ...marker };
    const send = () => client.send(new sdk.ListMultipartUploadsCommand(input), abortBy(options));
    const page = await session.call('list unfinished uploads', send, options);
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      // Not every server keeps to the prefix.
      if (Key === undefined || UploadId === undefined || !Key.startsWith(input.Prefix)) continue;
      yield { path: Key.slice(place.prefix.length), uploadId: UploadId, startedAt: Initiated };
    }
    const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page;
    if (IsTruncated !== true || NextKeyMarker === undefined) return;
    if (NextKeyMarker === marker.KeyMarker && NextUploadIdMarker === marker.UploadIdMarker) return;
    marker = {
      KeyMarker: NextKeyMarker,
      ...(NextUploadIdMarker === undefined ? {} : { UploadIdMarker: NextUploadIdMarker }),
    };
  }
}

export async function abortUpload(
  session: S3Session,
  path: string,
  uploadId: string,
  options?: CallOptions,
): Promise<void> {
  const { sdk, client } = session;
  const input = { ...session.at(path), UploadId: uploadId };
  await session.call(
    `abort the upload of ${quote(path)}`,
    async () => {
      try {
        await client.send(new sdk.AbortMultipartUploadCommand(input), abortBy(options));
      } catch (error) {
        if (!isUploadUnknown(error)) throw error;
      }
    },
    options,
  );
}
