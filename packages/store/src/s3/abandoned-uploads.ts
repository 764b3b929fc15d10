import { failureOf } from './failures.ts';
import { abortBy } from './objects.ts';
import { type CallOptions, type S3Session } from './session.ts';
import { abortUpload, listUploads, type OpenUpload } from './uploads.ts';

/**
 * Aborts uploads below a path in which nothing has moved for so long: no start, and no part. The server's clock
 * is asked, not ours.
 * @returns how many were aborted
 */
export async function removeAbandonedUploads(
  session: S3Session,
  start: string,
  idleMs: number,
  options: CallOptions = {},
): Promise<number> {
  let removed = 0;
  for await (const upload of listUploads(session, start, options)) {
    const now = session.serverTimeMs() ?? Date.now();
    const isOld = (time: Date | undefined) => time === undefined || now - time.getTime() >= idleMs;
    if (!isOld(upload.startedAt)) continue;
    if (idleMs > 0 && !isOld(await lastPartAt(session, upload, options))) continue;
    await abortUpload(session, upload.path, upload.uploadId, options);
    removed++;
  }
  return removed;
}

/** When the latest part came; undefined when there is none, or the upload is gone. */
async function lastPartAt(
  session: S3Session,
  { path, uploadId }: OpenUpload,
  options: CallOptions,
): Promise<Date | undefined> {
  const { sdk, client } = session;
  let latest: Date | undefined;
  let marker: string | undefined;
  do {
    const input = {
      ...session.at(path),
      UploadId: uploadId,
      ...(marker === undefined ? {} : { PartNumberMarker: marker }),
    };
    const page = await session
      .retrying(() => client.send(new sdk.ListPartsCommand(input), abortBy(options)), options)
      .catch((error: unknown) => {
        if (failureOf(error).status === 404) return undefined;
        throw error;
      });
    for (const { LastModified } of page?.Parts ?? [])
      if (LastModified !== undefined && (latest === undefined || LastModified > latest))
        latest = LastModified;
    marker = page?.IsTruncated === true ? page.NextPartNumberMarker : undefined;
  } while (marker !== undefined);
  return latest;
}
