import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type * as Sdk from '@aws-sdk/client-s3';
import { Fault, quote } from '@gantry/oci';
import { isAbsent, isPreconditionFailed, isTransient, s3Fault } from './failures.ts';
import { type CallOptions, type PayloadHash, payloadHash, type S3Session, signedAs } from './session.ts';

/** What is known of an object. */
export interface S3Object {
  readonly sizeBytes: number;
  /** With its quotes, as it goes into If-Match. */
  readonly etag: string;
  readonly contentType: string | undefined;
  readonly cacheControl: string | undefined;
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
const READ_ATTEMPTS = 8;

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
  return found === undefined ? undefined : objectOf(found, found.ContentLength);
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
        const output = await client.send(signedAs(new sdk.PutObjectCommand(input), hash), abortBy(options));
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

/** Part of an object's bytes, both ends included. */
export interface S3Range {
  readonly start: number;
  readonly end?: number | undefined;
}

/**
 * Streams an object, or a part of it, and goes on where a connection broke, as long as it is the same object.
 * @returns undefined when there is no such object
 * @throws Fault SIZE_INVALID for a range that begins past the object's end
 */
export async function openObject(
  session: S3Session,
  path: string,
  range?: S3Range,
  options: CallOptions = {},
): Promise<{ object: S3Object; body: Readable } | undefined> {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const from = async (at: S3Range | undefined, etag?: string) => {
    const { sdk, client } = session;
    const input = {
      ...session.at(path),
      ...(at === undefined ? {} : { Range: `bytes=${at.start}-${at.end ?? ''}` }),
      ...(etag === undefined ? {} : { IfMatch: etag }),
    };
    return await unlessAbsent(client.send(new sdk.GetObjectCommand(input), { abortSignal: signal }));
  };
  const first = await session
    .call(`read ${quote(path)}`, () => from(range), { signal })
    .catch((error: unknown) => {
      if (error instanceof Fault && error.details['status'] === 416)
        throw new Fault(
          'SIZE_INVALID',
          `${quote(path)} in ${session.place.name} has no byte ${range?.start}`,
        );
      throw error;
    });
  if (first === undefined) return undefined;
  const object = objectOf(first, totalSize(first));
  const start = range?.start ?? 0;
  const goOn = (at: number) => from({ start: at, end: range?.end }, object.etag);
  const bytes = bodyBytes(session, path, first, start, goOn, signal);
  const body = Readable.from(bytes, { objectMode: false });
  body.once('close', () => stop.abort());
  return { object, body };
}

async function* bodyBytes(
  session: S3Session,
  path: string,
  first: Sdk.GetObjectCommandOutput,
  start: number,
  goOn: (at: number) => Promise<Sdk.GetObjectCommandOutput | undefined>,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const end = start + (first.ContentLength ?? 0);
  let output: Sdk.GetObjectCommandOutput | undefined = first;
  for (let at = start, failures = 0; ;) {
    try {
      output ??= await session.retrying(() => goOn(at), { signal });
      const before = at;
      for await (const chunk of (output?.Body ?? []) as AsyncIterable<Buffer>) {
        at += chunk.length;
        failures = 0;
        yield chunk;
      }
      if (at >= end) return;
      if (at === before) throw new Error('the answer has no bytes');
    } catch (error) {
      signal.throwIfAborted();
      failures++;
      if (failures > READ_ATTEMPTS || !isTransient(error))
        throw s3Fault(error, session.place, `read ${quote(path)}`);
    }
    output = undefined;
  }
}

/**
 * All bytes of a small object.
 * @returns undefined when there is no such object
 * @throws Fault SIZE_INVALID when it is over `maxBytes`
 */
export async function readObject(
  session: S3Session,
  path: string,
  maxBytes: number,
  options?: CallOptions,
): Promise<{ object: S3Object; bytes: Buffer } | undefined> {
  const opened = await openObject(session, path, undefined, options);
  if (opened === undefined) return undefined;
  const { object, body } = opened;
  if (object.sizeBytes > maxBytes) {
    body.destroy();
    throw new Fault(
      'SIZE_INVALID',
      `${quote(path)} in ${session.place.name} has ${object.sizeBytes} bytes, more than the ${maxBytes} that are read at once`,
      { size: object.sizeBytes },
    );
  }
  return { object, bytes: Buffer.concat(await body.toArray()) };
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

/** An object in a listing. */
export interface S3Listed {
  /** Below the prefix. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly modifiedAt: Date | undefined;
}

/** All objects whose paths start so, in the order of their keys; a page of 1000 is in memory at a time. */
export async function* listObjects(
  session: S3Session,
  start: string,
  options: CallOptions & { readonly after?: string } = {},
): AsyncGenerator<S3Listed> {
  const { sdk, client, place } = session;
  const { after } = options;
  let token: string | undefined;
  for (;;) {
    const input = {
      Bucket: place.bucket,
      Prefix: session.keyOf(start),
      ...(after === undefined ? {} : { StartAfter: session.keyOf(after) }),
      ...(token === undefined ? {} : { ContinuationToken: token }),
    };
    const send = () => client.send(new sdk.ListObjectsV2Command(input), abortBy(options));
    const page = await session.call(`list ${quote(start)}`, send, options);
    for (const { Key = '', Size = 0, ETag = '', LastModified } of page.Contents ?? []) {
      if (!Key.startsWith(place.prefix)) continue;
      yield { path: Key.slice(place.prefix.length), sizeBytes: Size, etag: ETag, modifiedAt: LastModified };
    }
    if (page.IsTruncated !== true) return;
    if (page.NextContinuationToken === undefined || page.NextContinuationToken === token)
      throw new Fault('UNAVAILABLE', `${place.name} broke a listing off, and does not say where it goes on`);
    token = page.NextContinuationToken;
  }
}

export function abortBy(options: CallOptions | undefined): { abortSignal?: AbortSignal } {
  return options?.signal === undefined ? {} : { abortSignal: options.signal };
}

/** Bytes that were damaged on their way: sent again, as any failure that may pass. */
export function damaged(session: S3Session, path: string): Fault {
  return new Fault('UNAVAILABLE', `${session.place.name} got other bytes for ${quote(path)} than were sent`);
}

async function unlessAbsent<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function totalSize({ ContentRange, ContentLength }: Sdk.GetObjectCommandOutput): number | undefined {
  const total = /\/(\d+)$/.exec(ContentRange ?? '')?.[1];
  return total === undefined ? ContentLength : Number(total);
}

function objectOf(
  output: Pick<Sdk.HeadObjectCommandOutput, 'ETag' | 'ContentType' | 'CacheControl' | 'LastModified'>,
  sizeBytes = 0,
): S3Object {
  return {
    sizeBytes,
    etag: output.ETag ?? '',
    contentType: output.ContentType,
    cacheControl: output.CacheControl,
    modifiedAt: output.LastModified,
  };
}
