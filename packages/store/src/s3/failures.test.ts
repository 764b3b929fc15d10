import { inspect } from 'node:util';
import { Fault, type FaultCode } from '@gantry/oci';
import { placeOf } from './configuration.ts';
import { isTransient, retryAfterMs, s3Fault } from './failures.ts';

const place = placeOf({ bucket: 'images', endpoint: 'https://s3.example:9000/' });

/** An error as the SDK throws it for an answer, with what such errors carry along. */
function answered(name: string, status: number): Error {
  return Object.assign(new Error(`${name} of AKIASECRETKEY`), {
    name,
    $metadata: { httpStatusCode: status },
    AWSAccessKeyId: 'AKIASECRETKEY',
    StringToSign: 'AWS4-HMAC-SHA256 AKIASECRETKEY',
  });
}

const ANSWERS: readonly [string, number, FaultCode, retried: boolean][] = [
  ['NoSuchBucket', 404, 'CONFIGURATION_INVALID', false],
  ['AccessDenied', 403, 'CONFIGURATION_INVALID', false],
  ['InvalidAccessKeyId', 403, 'CONFIGURATION_INVALID', false],
  ['SignatureDoesNotMatch', 403, 'CONFIGURATION_INVALID', false],
  ['SomethingElse', 403, 'CONFIGURATION_INVALID', false],
  ['PermanentRedirect', 301, 'CONFIGURATION_INVALID', false],
  ['NotImplemented', 501, 'CONFIGURATION_INVALID', false],
  ['QuotaExceeded', 403, 'STORAGE_FULL', false],
  ['InsufficientStorage', 507, 'STORAGE_FULL', false],
  ['EntityTooLarge', 413, 'STORAGE_FULL', false],
  ['SomethingElse', 507, 'STORAGE_FULL', false],
  ['SlowDown', 503, 'UNAVAILABLE', true],
  ['ServiceUnavailable', 503, 'UNAVAILABLE', true],
  ['InternalError', 500, 'UNAVAILABLE', true],
  ['InternalError', 200, 'UNAVAILABLE', true],
  ['TooManyRequests', 429, 'UNAVAILABLE', true],
  ['RequestTimeout', 400, 'UNAVAILABLE', true],
  ['BadDigest', 400, 'UNAVAILABLE', true],
  ['XAmzContentSHA256Mismatch', 400, 'UNAVAILABLE', true],
  ['ConditionalRequestConflict', 409, 'UNAVAILABLE', true],
  ['NoSuchUpload', 404, 'UNAVAILABLE', false],
  ['NoSuchKey', 404, 'BLOB_UNKNOWN', false],
  ['InvalidArgument', 400, 'UNSUPPORTED', false],
];

test.each(ANSWERS)('%s with %i is a fault %s; tried again: %s', (name, status, code, retried) => {
  const error = answered(name, status);
  expect(isTransient(error)).toBe(retried);
  const fault = s3Fault(error, place, 'put "a/b"');
  expect(fault.code).toBe(code);
  expect(fault.message).toContain('"images" at https://s3.example:9000');
  expect(inspect(fault, { depth: 9 })).not.toContain('AKIASECRETKEY');
});

const SYSTEM: readonly [string, boolean][] = [
  ['ECONNRESET', true],
  ['ECONNREFUSED', true],
  ['ENOTFOUND', true],
  ['ETIMEDOUT', true],
  ['EPIPE', true],
  ['HPE_INVALID_CONSTANT', true],
  ['ERR_INVALID_ARG_TYPE', false],
];

test.each(SYSTEM)('no answer but %s is UNAVAILABLE; tried again: %s', (code, retried) => {
  const error = Object.assign(new Error('no answer'), { code });
  expect(isTransient(error)).toBe(retried);
  expect(s3Fault(error, place, 'list')).toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining(code) as string,
  });
});

test('credentials that are nowhere to be found are the configuration’s fault', () => {
  const error = Object.assign(new Error('Could not load credentials'), { name: 'CredentialsProviderError' });
  expect(s3Fault(error, place, 'list')).toMatchObject({
    code: 'CONFIGURATION_INVALID',
    message: expect.stringContaining('no credentials were found') as string,
  });
});

test('a fault stays what it is', () => {
  const fault = new Fault('SIZE_INVALID', 'too much');
  expect(s3Fault(fault, place, 'list')).toBe(fault);
  expect(isTransient(fault)).toBe(false);
});

test('the time that a server asks to wait is read from its answer', () => {
  const asked = ['2', '0', 'soon'].map((value) =>
    retryAfterMs(Object.assign(new Error('503'), { $response: { headers: { 'retry-after': value } } })),
  );
  expect([...asked, retryAfterMs(new Error('no answer'))]).toEqual([2000, undefined, undefined, undefined]);
});
