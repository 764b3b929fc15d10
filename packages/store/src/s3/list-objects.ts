import { Fault, quote } from '@gantry/oci';
import { abortBy } from './objects.ts';
import type { CallOptions, S3Session } from './session.ts';

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
