import { Fault, quote } from '@gantry/oci';

/** Where a bucket is, and as whom to use it. */
export interface S3Configuration {
  readonly bucket: string;
  /** What every key starts with, for instance `gantry/store`; absent: keys start at the bucket's root. */
  readonly prefix?: string;
  /** `https://host[:port]` of an S3 server; absent: Amazon's own, by the region. */
  readonly endpoint?: string;
  /** Absent: `us-east-1` with an endpoint, as most servers have it; without one, the environment's. */
  readonly region?: string;
  /** `https://host/bucket/key` in place of `https://bucket.host/key`: most servers that are not Amazon's want it. */
  readonly forcePathStyle?: boolean;
  /** Absent: the SDK's own chain (environment, shared file, the machine's role). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** A configuration that was checked. */
export interface S3Place {
  readonly bucket: string;
  /** Empty, or ends in `/`. */
  readonly prefix: string;
  readonly endpoint: string | undefined;
  /** How errors name it: bucket and endpoint, never a credential. */
  readonly name: string;
}

/** @throws Fault CONFIGURATION_INVALID for a bucket, a prefix or an endpoint that can't be one */
export function placeOf(configuration: S3Configuration): S3Place {
  const { bucket, endpoint } = configuration;
  // S3 itself wants 3 to 63 of a smaller alphabet; other servers are less strict.
  if (!/^[\w.-]{3,255}$/.test(bucket))
    throw invalid('bucket', bucket, 'a bucket is 3 to 63 letters, digits, dots and dashes');
  const at = endpoint === undefined ? undefined : checkedEndpoint(endpoint);
  return {
    bucket,
    prefix: checkedPrefix(configuration.prefix ?? ''),
    endpoint: at,
    name: `the bucket ${quote(bucket)} at ${at ?? 'Amazon S3'}`,
  };
}

function checkedEndpoint(endpoint: string): string {
  const url = URL.parse(endpoint);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw invalid(
      'endpoint',
      url === null ? endpoint : url.host,
      'it is https://host[:port], or http:// for a test',
    );
  if (url.username !== '' || url.password !== '')
    throw invalid(
      'endpoint',
      url.host,
      'credentials do not belong into the address: set accessKeyId and secretAccessKeyFile',
    );
  if (url.search !== '' || url.hash !== '')
    throw invalid('endpoint', url.host, 'it has no query and no fragment');
  return url.href.replace(/\/+$/, '');
}

function checkedPrefix(prefix: string): string {
  const trimmed = prefix.replace(/^\/+|\/+$/g, '');
  if (trimmed === '') return '';
  const parts = trimmed.split('/');
  if (
    trimmed.length > 512 ||
    parts.some((part) => !/^[\w.!*'()-]+$/.test(part) || part === '.' || part === '..')
  )
    throw invalid(
      'prefix',
      prefix,
      'it is folder names of letters, digits, ".", "_" and "-" with "/" between them',
    );
  return `${trimmed}/`;
}

function invalid(key: string, value: string, right: string): Fault {
  return new Fault('CONFIGURATION_INVALID', `s3.${key}: ${quote(value)} is not right: ${right}`, {
    key: `s3.${key}`,
  });
}
