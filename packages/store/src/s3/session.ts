import { createHash } from 'node:crypto';
import type * as Sdk from '@aws-sdk/client-s3';
import { placeOf, type S3Configuration, type S3Place } from './configuration.ts';
import { isTransient, retryAfterMs, s3Fault } from './failures.ts';
import { type RetryPolicy, USUAL_RETRIES, withRetries } from './retry.ts';

const CONNECT_MS = 5_000;
/** A connection on which nothing moves for so long is given up. */
const IDLE_MS = 60_000;
/** From a request's start to its answer's; a server that copies many gigabytes needs its time. */
const ANSWER_MS = 600_000;
const MAX_CONNECTIONS = 256;

/** A call's own options. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** One bucket with its client: what every call on it shares. */
export interface S3Session {
  readonly sdk: typeof Sdk;
  readonly client: Sdk.S3Client;
  readonly place: S3Place;
  /** The whole key of a path below the prefix. */
  keyOf(path: string): string;
  /** Bucket and key, as commands want them. */
  at(path: string): { Bucket: string; Key: string };
  /**
   * Sends, and again if the cause of a failure may pass. What fails for good is thrown as the SDK has it.
   * @param send is given the number of the attempt, from 1 on
   */
  retrying<T>(send: (attempt: number) => Promise<T>, options?: CallOptions): Promise<T>;
  /** The same, and a failure is a fault that says what was attempted. */
  call<T>(doing: string, send: (attempt: number) => Promise<T>, options?: CallOptions): Promise<T>;
  /** The server's time of the last answer, in ms since 1970; undefined if it tells none. */
  serverTimeMs(): number | undefined;
}

/** Loads the SDK, and makes a client that has sent nothing yet. @throws Fault CONFIGURATION_INVALID */
export async function openSession(
  configuration: S3Configuration,
  policy: RetryPolicy = USUAL_RETRIES,
): Promise<S3Session> {
  const place = placeOf(configuration);
  const sdk = await import('@aws-sdk/client-s3');
  const client = new sdk.S3Client(clientConfiguration(configuration, place));
  let lastDate: string | undefined;
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { headers } = result.response as { headers?: Record<string, string | undefined> };
      lastDate = headers?.['date'] ?? lastDate;
      return result;
    },
    { step: 'deserialize', name: 'gantryServerTime', priority: 'low' },
  );
  const keyOf = (path: string) => `${place.prefix}${path}`;
  const retrying: S3Session['retrying'] = (send, { signal } = {}) =>
    withRetries(send, { policy, isTransient, askedMs: retryAfterMs, signal });
  return {
    sdk,
    client,
    place,
    keyOf,
    at: (path) => ({ Bucket: place.bucket, Key: keyOf(path) }),
    retrying,
    call: async (doing, send, options) => {
      try {
        return await retrying(send, options);
      } catch (error) {
        options?.signal?.throwIfAborted();
        throw s3Fault(error, place, doing);
      }
    },
    serverTimeMs: () => {
      const time = Date.parse(lastDate ?? '');
      return Number.isNaN(time) ? undefined : time;
    },
  };
}

const quiet = () => undefined;

function clientConfiguration(configuration: S3Configuration, { endpoint }: S3Place): Sdk.S3ClientConfig {
  const { region, forcePathStyle = false, credentials } = configuration;
  return {
    ...(endpoint === undefined ? {} : { endpoint, region: region ?? 'us-east-1' }),
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    forcePathStyle,
    maxAttempts: 1, // `retrying` does it: a conditional put has to know that it is a repetition
    // Checksums are sent by the calls themselves, in a form that older servers pass over.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    disableS3ExpressSessionAuth: true,
    logger: { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet },
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: IDLE_MS,
      requestTimeout: ANSWER_MS,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: MAX_CONNECTIONS },
      httpsAgent: { keepAlive: true, maxSockets: MAX_CONNECTIONS },
    },
  };
}

/** The sha256 of a request's body, in both forms that S3 wants. */
export interface PayloadHash {
  readonly hex: string;
  readonly base64: string;
}

export function payloadHash(bytes: Uint8Array): PayloadHash {
  return payloadHashOf(createHash('sha256').update(bytes).digest('hex'));
}

/** @param hex a sha256 that is known already: the body is not hashed again */
export function payloadHashOf(hex: string): PayloadHash {
  return { hex, base64: Buffer.from(hex, 'hex').toString('base64') };
}

/**
 * Signs a body by a hash that is known, which spares the SDK to hash it: the server compares it with what arrives. Where
 * nobody on the way can change the request, the checksum alone says that, and spares the server to hash the body twice.
 */
export function signedAs<C extends Sdk.PutObjectCommand | Sdk.UploadPartCommand>(
  command: C,
  hash: PayloadHash,
  { endpoint }: Pick<S3Place, 'endpoint'>,
): C {
  const signed = isPrivate(endpoint) ? 'UNSIGNED-PAYLOAD' : hash.hex;
  (command as Sdk.PutObjectCommand).middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      headers['x-amz-content-sha256'] = signed;
      return next(args);
    },
    { step: 'build', name: 'gantryPayloadHash' },
  );
  return command;
}

/** Whether requests go by TLS, as they do to Amazon, or do not leave the machine. */
function isPrivate(endpoint: string | undefined): boolean {
  if (endpoint === undefined) return true;
  const { protocol, hostname } = new URL(endpoint);
  return protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
