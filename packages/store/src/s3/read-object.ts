import { Readable } from 'node:stream';
import type * as Sdk from '@aws-sdk/client-s3';
import { Fault, quote } from '@gantry/oci';
import { isTransient, s3Fault } from './failures.ts';
import { objectOf, type S3Object, unlessAbsent } from './objects.ts';
import type { CallOptions, S3Session } from './session.ts';

const READ_ATTEMPTS = 8;

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
    const output = await unlessAbsent(client.send(new sdk.GetObjectCommand(input), { abortSignal: signal }));
    if (output !== undefined && at !== undefined) mustStartAt(session, path, output, at.start);
    return output;
  };
  const open = async () => {
    const first = await session.call(`read ${quote(path)}`, () => from(range), { signal });
    if (first === undefined) return undefined;
    const object = objectOf(session, path, first, totalSize(first));
    const start = range?.start ?? 0;
    const part = { start, end: start + (first.ContentLength ?? object.sizeBytes) };
    const goOn = (at: number) => from({ start: at, end: range?.end }, object.etag);
    return {
      object,
      body: Readable.from(bodyBytes(session, path, first, part, goOn, signal), { objectMode: false }),
    };
  };
  try {
    const opened = await open();
    opened?.body.once('close', () => stop.abort());
    return opened;
  } catch (error) {
    stop.abort(); // an answer that was refused has a body
    if (!(error instanceof Fault) || error.details['status'] !== 416) throw error;
    throw new Fault('SIZE_INVALID', `${quote(path)} in ${session.place.name} has no byte ${range?.start}`);
  }
}

/** The bytes from `start` to before `end`, counted as they come: neither more nor less. */
async function* bodyBytes(
  session: S3Session,
  path: string,
  first: Sdk.GetObjectCommandOutput,
  { start, end }: { readonly start: number; readonly end: number },
  goOn: (at: number) => Promise<Sdk.GetObjectCommandOutput | undefined>,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  let output: Sdk.GetObjectCommandOutput | undefined = first;
  for (let at = start, failures = 0; ;) {
    try {
      output ??= await session.retrying(() => goOn(at), { signal });
      const before = at;
      for await (const chunk of (output?.Body ?? []) as AsyncIterable<Buffer>) {
        at += chunk.length;
        if (at > end) throw answeredWrong(session, path, `more than the ${end - start} bytes that it told`);
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

/** A server that passes the Range header over answers with the object from its start. */
function mustStartAt(
  session: S3Session,
  path: string,
  { ContentRange = '' }: Sdk.GetObjectCommandOutput,
  start: number,
): void {
  if (ContentRange.startsWith(`bytes ${start}-`)) return;
  throw answeredWrong(
    session,
    path,
    `${ContentRange || 'no Content-Range'} where bytes ${start}- were asked for`,
  );
}

function answeredWrong({ place }: S3Session, path: string, what: string): Fault {
  return new Fault('UNSUPPORTED', `${place.name} answered for ${quote(path)} with ${what}`);
}

function totalSize({ ContentRange, ContentLength }: Sdk.GetObjectCommandOutput): number | undefined {
  const total = /\/(\d+)$/.exec(ContentRange ?? '')?.[1];
  return total === undefined ? ContentLength : Number(total);
}
