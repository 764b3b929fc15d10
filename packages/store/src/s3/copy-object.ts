import { forEachConcurrently, quote } from '@gantry/oci';
import { abortBy, headersOf, type PutOptions } from './objects.ts';
import type { S3Session } from './session.ts';
import { MAX_PART_BYTES, MIN_PART_BYTES, UploadInParts } from './uploads.ts';

const MIB = 1024 * 1024;
const COPIES_AT_ONCE = 4;
const COPIED_PARTS = 200;

/** Where `copy` takes bytes from: any bucket of the same server that the credentials may read. */
export interface CopySource {
  readonly bucket: string;
  /** The whole key, prefix included. */
  readonly key: string;
  readonly sizeBytes: number;
}

/** No bytes come by here: parts are so large that there are not many requests. */
function copyPartSizeFor(sizeBytes: number): number {
  const few = Math.ceil(sizeBytes / COPIED_PARTS / MIB) * MIB;
  return Math.min(Math.max(few, MIN_PART_BYTES), MAX_PART_BYTES);
}

/** Has the server copy an object, without its bytes coming here; in parts if it is large. Replaces what is there. */
export async function copyObject(
  session: S3Session,
  source: CopySource,
  path: string,
  options: PutOptions = {},
  wholeMaxBytes = MAX_PART_BYTES,
): Promise<void> {
  const { sdk, client } = session;
  if (source.sizeBytes > wholeMaxBytes) return await copyInParts(session, source, path, options);
  const input = {
    ...session.at(path),
    ...headersOf(options),
    MetadataDirective: 'REPLACE' as const,
    CopySource: copySource(source),
  };
  const send = () => client.send(new sdk.CopyObjectCommand(input), abortBy(options));
  await session.call(`copy ${quote(source.key)} to ${quote(path)}`, send, options);
}

async function copyInParts(
  session: S3Session,
  source: CopySource,
  path: string,
  options: PutOptions,
): Promise<void> {
  const partBytes = copyPartSizeFor(source.sizeBytes);
  const upload = await UploadInParts.start(session, path, { ...options, checksums: false });
  const numbers = Array.from({ length: Math.ceil(source.sizeBytes / partBytes) }, (_, at) => at + 1);
  try {
    await forEachConcurrently(numbers, COPIES_AT_ONCE, async (number) => {
      const start = (number - 1) * partBytes;
      const end = Math.min(start + partBytes, source.sizeBytes) - 1;
      await upload.copyPart(number, copySource(source), { start, end }, options);
    });
    await upload.complete(options.signal === undefined ? {} : { signal: options.signal });
  } catch (error) {
    // Nothing is under way any more: a part that came after it would stay for good ("AbortMultipartUpload").
    await upload.abort().catch(() => undefined);
    throw error;
  }
}

/** As the header wants it: bucket and key, escaped. */
function copySource({ bucket, key }: CopySource): string {
  return [bucket, ...key.split('/')].map(encodeURIComponent).join('/');
}
