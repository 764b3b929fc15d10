import { randomUUID } from 'node:crypto';
import type * as Sdk from '@aws-sdk/client-s3';
import { Fault, quote } from '@gantry/oci';
import { isAbsent, isPreconditionFailed } from './failures.ts';
import { type CallOptions, type PayloadHash, payloadHash, type S3Session, signedAs } from './session.ts';

/** What is known of an object. */
export interface S3Object {
  readonly sizeBytes: number;
  /** With its quotes, as it goes into If-Match. */
  readonly etag: string;
  readonly contentType: string | undefined;
  readonly cacheControl: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly modifiedAt: Date | undefined;
}

/** How an object is to be written. */
export interface PutOptions extends CallOptions {
  readonly contentType?: string;
  readonly cacheControl?: string;
  /** `*`: only if there is no such object yet (RFC 9110, section 13.1.2). */
  readonly ifNoneMatch?: '*';
  /** Only if the object there has this ETag (RFC 9110, section 13.1.1). */
  readonly ifMatch?: string;
  /** The bytes' sha256, where it is known already. */
  readonly hash?: PayloadHash;
}

/** Whether a conditional write has happened. False: its condition does not hold, and nothing was changed. */
export type Written = { readonly written: true; readonly etag: string } | { readonly written: false };

/** Each write with a condition carries an id, by which a repetition knows that the first attempt had its effect. */
const WRITE_ID = 'gantry-write';

/** The fields of a request that say how an object is to be written. */
export function headersOf({ contentType, cacheControl }: PutOptions): {
  ContentType?: string;
  CacheControl?: string;
} {
  return {
    ...(contentType === undefined ? {} : { ContentType: contentType }),
    ...(cacheControl === undefined ? {} : { CacheControl: cacheControl }),
  };
}

export function newWriteId(): { Metadata: Record<string, string> } {
  return { Metadata: { [WRITE_ID]: randomUUID() } };
}

/** The object's ETag if it is the one that was written under this id. */
export async function writtenAs(
  session: S3Session,
  path: string,
  { Metadata }: { Metadata: Record<string, string> },
): Promise<string | undefined> {
  // Sent just once: it is part of an attempt, and that is repeated.
  const { sdk, client } = session;
  const found = await unlessAbsent(client.send(new sdk.HeadObjectCommand(session.at(path))));
  return found?.Metadata?.[WRITE_ID] === Metadata[WRITE_ID] ? (found?.ETag ?? '') : undefined;
}

export async function head(
  session: S3Session,
  path: string,
  options?: CallOptions,
): Promise<S3Object | undefined> {
  const { sdk, client } = session;
  const send = () => unlessAbsent(client.send(new sdk.HeadObjectCommand(session.at(path)), abortBy(options)));
  const found = await session.call(`look for ${quote(path)}`, send, options);
  return found === undefined ? undefined : objectOf(session, path, found, found.ContentLength);
}

/**
 * Writes an object whole. The server is sent the bytes' sha256 and compares it. Repeated after a lost answer, a write with
 * a condition knows its own work.
 */
export async function put(
  session: S3Session,
  path: string,
  bytes: Uint8Array,
  options: PutOptions = {},
): Promise<Written> {
  const { sdk, client } = session;
  const { ifNoneMatch, ifMatch, hash = payloadHash(bytes) } = options;
  const isConditional = ifNoneMatch !== undefined || ifMatch !== undefined;
  const id = newWriteId();
  const input = {
    ...session.at(path),
    ...headersOf(options),
    ...(isConditional ? id : {}),
    ...(ifNoneMatch === undefined ? {} : { IfNoneMatch: ifNoneMatch }),
    ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }),
    Body: bytes,
    ContentLength: bytes.length,
    ChecksumSHA256: hash.base64,
  };
  return await session.call(
    `put ${quote(path)}`,
    async (attempt) => {
      try {
        const output = await client.send(
          signedAs(new sdk.PutObjectCommand(input), hash, session.place),
          abortBy(options),
        );
        if (output.ChecksumSHA256 !== undefined && output.ChecksumSHA256 !== hash.base64)
          throw damaged(session, path);
        return { written: true, etag: output.ETag ?? '' };
      } catch (error) {
        // If-Match on an object that is not there is a 404 with some servers.
        const refused = isPreconditionFailed(error) || (ifMatch !== undefined && isAbsent(error));
        if (!isConditional || !refused) throw error;
        const etag = attempt === 1 ? undefined : await writtenAs(session, path, id);
        return etag === undefined ? { written: false } : { written: true, etag };
      }
    },
    options,
  );
}

/** Removes an object; no error if it is absent. */
export async function remove(session: S3Session, path: string, options?: CallOptions): Promise<void> {
  const { sdk, client } = session;
  await session.call(
    `delete ${quote(path)}`,
    () => unlessAbsent(client.send(new sdk.DeleteObjectCommand(session.at(path)), abortBy(options))),
    options,
  );
}

export function abortBy(options: CallOptions | undefined): { abortSignal?: AbortSignal } {
  return options?.signal === undefined ? {} : { abortSignal: options.signal };
}

/** Bytes that were damaged on their way: sent again, as any failure that may pass. */
export function damaged(session: S3Session, path: string): Fault {
  return new Fault('UNAVAILABLE', `${session.place.name} got other bytes for ${quote(path)} than were sent`);
}

/** The answer; undefined if it says that there is no such object. */
export async function unlessAbsent<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/**
 * What an answer tells of an object.
 * @param sizeBytes of the whole object. Without it a body that was cut could not be told from a whole one.
 * @throws Fault UNSUPPORTED when the answer does not tell it
 */
export function objectOf(
  { place }: S3Session,
  path: string,
  output: Pick<
    Sdk.HeadObjectCommandOutput,
    'ETag' | 'ContentType' | 'ContentEncoding' | 'CacheControl' | 'LastModified'
  >,
  sizeBytes: number | undefined,
): S3Object {
  if (sizeBytes === undefined)
    throw new Fault(
      'UNSUPPORTED',
      `${place.name} answered for ${quote(path)} without a Content-Length: the server, or a proxy before it, must tell how long an object is`,
    );
  return {
    sizeBytes,
    etag: output.ETag ?? '',
    contentType: output.ContentType,
    cacheControl: output.CacheControl,
    contentEncoding: output.ContentEncoding,
    modifiedAt: output.LastModified,
  };
}
