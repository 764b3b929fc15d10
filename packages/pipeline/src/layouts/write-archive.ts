import { once } from 'node:events';
import { Fault, hasherFor, splitDigest } from '@gantry/oci';
import { canonicalBytes, type TreeSource } from '@gantry/tree';
import { type Headers, pack, type Pack } from 'tar-stream';
import { absent, corrupt, type Exported, type ExportedObject } from './choose-exports.ts';
import { encodeLayoutIndex, layoutBlobPath, OCI_LAYOUT_FILE } from './oci.ts';

export interface ArchiveOptions {
  readonly signal?: AbortSignal;
  /** Told of the bytes of objects that have been written so far. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * The archive as a tar: an OCI image layout, with the file beside it that `docker load` wants. The same content gives the
 * same bytes. What comes before an error is no whole tar.
 * @throws Fault CONTENT_CORRUPT for an object whose bytes are not those of its digest; UNAVAILABLE
 */
export async function* archiveOf(
  exported: Exported,
  source: TreeSource,
  { signal, onProgress = () => {} }: ArchiveOptions = {},
): AsyncGenerator<Uint8Array> {
  const tar = pack();
  const writing = writeAll(tar, exported, source, signal, onProgress).catch((error: unknown) => {
    tar.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  });
  writing.catch(() => {}); // told by the tar, or below
  try {
    for await (const chunk of tar) yield chunk;
  } finally {
    tar.destroy();
    await writing;
  }
}

async function writeAll(
  tar: Pack,
  { entries, images, objects }: Exported,
  source: TreeSource,
  signal: AbortSignal | undefined,
  onProgress: (bytes: number) => void,
): Promise<void> {
  const folders = new Set(objects.map(({ path }) => path.slice(0, path.lastIndexOf('/') + 1)));
  for (const name of ['blobs/', ...[...folders].toSorted()])
    tar.entry({ ...FIXED, name, type: 'directory', mode: 0o755 });
  const put = (name: string, content: Uint8Array) =>
    tar.entry({ ...FIXED, name }, Buffer.from(content)).on('error', () => {}); // the tar says why
  // In front, so that a reader knows at once what comes.
  put('oci-layout', OCI_LAYOUT_FILE);
  put('index.json', encodeLayoutIndex(entries));
  if (images.length > 0) {
    const loadable = images.map(({ config, layers, names }) => ({
      Config: layoutBlobPath(config),
      RepoTags: names,
      Layers: layers.map(layoutBlobPath),
    }));
    put('manifest.json', canonicalBytes(loadable));
  }
  let bytes = 0;
  for (const object of objects) {
    signal?.throwIfAborted();
    for await (const written of writeObject(tar, object, source, signal)) onProgress((bytes += written));
  }
  tar.finalize();
}

/** Nothing of when and by whom it was written. */
const FIXED = { mode: 0o644, mtime: new Date(0), uid: 0, gid: 0, type: 'file' } satisfies Partial<Headers>;

async function* writeObject(
  tar: Pack,
  { path, pool, digest, size }: ExportedObject,
  source: TreeSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<number> {
  const stream = await source.open(pool);
  if (stream === undefined) throw absent(source, pool);
  const hasher = hasherFor(digest);
  const sink = tar.entry({ ...FIXED, name: path, size });
  // Once the tar is given up, which says why, nobody waits for this any more.
  const ended = new AbortController();
  sink.on('error', () => ended.abort());
  sink.once('close', () => ended.abort());
  let left = size;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    signal?.throwIfAborted();
    if (tar.destroyed || ended.signal.aborted)
      throw new Fault('UNAVAILABLE', 'the archive is not read any further');
    left -= chunk.length;
    if (left < 0) throw corrupt(source, pool);
    hasher.update(chunk);
    if (!sink.write(chunk)) await once(sink, 'drain', { signal: ended.signal });
    yield chunk.length;
  }
  if (left !== 0 || hasher.digest('hex') !== splitDigest(digest).hex) throw corrupt(source, pool);
  const closed = once(sink, 'close');
  sink.end(null);
  await closed;
}
