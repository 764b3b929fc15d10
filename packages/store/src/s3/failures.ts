import { Fault } from '@gantry/oci';
import type { S3Place } from './configuration.ts';

/** What is known of a call that failed: S3's code (or a system's), the HTTP status if there was an answer. */
export interface S3Failure {
  readonly code: string;
  readonly status: number | undefined;
  readonly message: string;
}

/** Codes whose cause is the configuration: the operator has to change something. With what to look at. */
const MISCONFIGURED: Readonly<Record<string, string>> = {
  NoSuchBucket: 'there is no such bucket: make it, or correct its name',
  InvalidBucketName: 'the server takes that for no bucket name',
  AccessDenied: 'access is denied: the key needs the rights to list, read, write and delete there',
  Forbidden: 'access is denied: the key needs the rights to list, read, write and delete there',
  AllAccessDisabled: 'all access is disabled',
  AccountProblem: 'the account has a problem',
  InvalidAccessKeyId: 'the server does not know the access key',
  XAdminUserNotFound: 'the server does not know the access key', // versitygw
  SignatureDoesNotMatch:
    'the secret key does not belong to the access key, or something on the way changes requests',
  InvalidToken: 'the session token is not valid',
  ExpiredToken: 'the session token has expired',
  NotSignedUp: 'the account may not use S3',
  PermanentRedirect: 'the bucket is in another region or at another endpoint',
  AuthorizationHeaderMalformed: 'the bucket is in another region',
  IllegalLocationConstraintException: 'the bucket is in another region',
  CredentialsProviderError:
    'no credentials were found: set accessKeyId and secretAccessKeyFile, or what the AWS SDK looks for',
  NotImplemented: 'the server lacks something that is needed',
  MethodNotAllowed: 'the server does not allow a request that is needed',
};

const FULL = new Set([
  'QuotaExceeded',
  'InsufficientStorage',
  'XMinioStorageFull',
  'InsufficientCapacity',
  'ENOSPC',
  'EDQUOT',
  'EntityTooLarge', // Swift, for a quota: no request of ours is large
]);

/** The answer to a HEAD has no body that could tell more than its status. */
const ABSENT = new Set(['NoSuchKey', 'NotFound', 'UnknownError', '404']);

/** Codes that pass with a 4xx status: throttling, a clock that the SDK corrects, bytes that were damaged on the way. */
const PASSING = new Set([
  'SlowDown',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'RequestTimeoutException',
  'ThrottlingException',
  'Throttling',
  'TooManyRequests',
  'RequestLimitExceeded',
  'BandwidthLimitExceeded',
  'ConditionalRequestConflict',
  'OperationAborted',
  'BadDigest',
  'InvalidDigest',
  'IncompleteBody',
  'XAmzContentSHA256Mismatch',
  'XAmzContentChecksumMismatch',
  'InvalidChecksum',
]);

export function failureOf(error: unknown): S3Failure {
  if (!(error instanceof Error)) return { code: 'Unknown', status: undefined, message: String(error) };
  const {
    $metadata: metadata,
    code,
    name,
    message,
  } = error as Error & {
    readonly $metadata?: { readonly httpStatusCode?: number };
    readonly code?: unknown;
  };
  const status = metadata?.httpStatusCode;
  const system = typeof code === 'string' ? code : undefined;
  return { code: status === undefined ? (system ?? name) : name, status, message };
}

/** Whether the same request may go through later. No answer at all counts, as does one that broke off. */
export function isTransient(error: unknown): boolean {
  if (error instanceof Fault) return error.retry && error.code !== 'STORAGE_FULL';
  const { code, status } = failureOf(error);
  if (PASSING.has(code)) return true;
  if (Object.hasOwn(MISCONFIGURED, code) || FULL.has(code)) return false;
  if (code.startsWith('ERR_INVALID') || error instanceof TypeError) return false;
  // A status of success with an error: the answer's body could not be read to its end.
  if (status === undefined || (status >= 200 && status < 300)) return true;
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 507);
}

/** Milliseconds that the answer asks to wait (RFC 9110, section 10.2.3; the form in seconds). */
export function retryAfterMs(error: unknown): number | undefined {
  const { $response: response } = error as { $response?: { headers?: Record<string, string | undefined> } };
  const seconds = Number(response?.headers?.['retry-after']);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
}

/** Whether the answer means: there is no such object. */
export function isAbsent(error: unknown): boolean {
  const { code, status } = failureOf(error);
  return status === 404 && ABSENT.has(code);
}

/** Whether the answer means: the condition of a conditional request does not hold. */
export function isPreconditionFailed(error: unknown): boolean {
  const { code, status } = failureOf(error);
  return status === 412 || code === 'PreconditionFailed';
}

export function isUploadUnknown(error: unknown): boolean {
  return failureOf(error).code === 'NoSuchUpload';
}

/**
 * What a failed call means to the caller. The message names bucket and endpoint. The SDK's own error does not go along as
 * it is: it holds the request with its signature, and in some answers the access key.
 * @param doing what was attempted, for instance `put "blobs/…"`
 */
export function s3Fault(error: unknown, place: S3Place, doing: string): Fault {
  if (error instanceof Fault) return error;
  const { code, status, message } = failureOf(error);
  const said = `${code}${status === undefined ? '' : `, ${status}`}`;
  const details = { bucket: place.bucket, endpoint: place.endpoint, code, status };
  const cause = new Error(said);
  if (FULL.has(code) || status === 507) {
    return new Fault(
      'STORAGE_FULL',
      `no space left in ${place.name}, or its quota is used up (${said})`,
      details,
      { cause },
    );
  }
  const why = Object.hasOwn(MISCONFIGURED, code) ? MISCONFIGURED[code] : undefined;
  if (why !== undefined || status === 401 || status === 403) {
    const told = why ?? 'access is denied';
    return new Fault(
      'CONFIGURATION_INVALID',
      `could not ${doing} in ${place.name}: ${told} (${said})`,
      details,
      { cause },
    );
  }
  if (status === 301 || /^region is missing/i.test(message)) {
    const told = status === 301 ? 'the bucket is in another region' : 'no region is set';
    return new Fault(
      'CONFIGURATION_INVALID',
      `could not ${doing} in ${place.name}: ${told} (s3.region)`,
      details,
      { cause },
    );
  }
  if (code === 'NoSuchKey')
    return new Fault(
      'BLOB_UNKNOWN',
      `could not ${doing} in ${place.name}: there is no such object`,
      details,
      { cause },
    );
  if (isRefused(code, status))
    return new Fault(
      'UNSUPPORTED',
      `could not ${doing} in ${place.name}: the server refused it (${said})`,
      details,
      { cause },
    );
  return new Fault('UNAVAILABLE', `could not ${doing} in ${place.name}: ${said}`, details, { cause });
}

/** An answer that says that the request is wrong, and will be so the next time. */
function isRefused(code: string, status: number | undefined): boolean {
  if (status === undefined || PASSING.has(code) || code === 'NoSuchUpload') return false;
  return status >= 400 && status < 500 && status !== 408 && status !== 412 && status !== 429;
}
