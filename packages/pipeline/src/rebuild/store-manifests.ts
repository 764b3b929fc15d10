import { type Digest, MANIFEST_MAX_BYTES } from '@gantry/oci';
import type { BlobStore } from '@gantry/store';

/** Blobs that are looked at side by side. */
const AT_ONCE = 32;
/** Of larger ones the first bytes are looked at before the rest is read. */
const PEEK_ABOVE_BYTES = 64 * 1024;
const PEEK_BYTES = 16;
const OPENING_BRACE = 0x7b;

/**
 * The blobs of a store that may be manifests: JSON objects of no more than 4 MiB which name a schema version. Layers are
 * told by their first bytes.
 * @param onLooked told how many blobs were looked at so far
 */
export async function* likelyManifests(
  store: BlobStore,
  onLooked: (blobs: number) => void = () => {},
): AsyncGenerator<Digest> {
  let looked = 0;
  const judge = async (some: readonly { digest: Digest; size: number }[]) => {
    const judged = await Promise.all(some.map((blob) => isLikely(store, blob)));
    onLooked((looked += some.length));
    return some.filter((_, at) => judged[at]).map(({ digest }) => digest);
  };
  let some: { digest: Digest; size: number }[] = [];
  for await (const blob of store.list()) {
    some.push(blob);
    if (some.length < AT_ONCE) continue;
    yield* await judge(some);
    some = [];
  }
  yield* await judge(some);
}

async function isLikely(
  store: BlobStore,
  { digest, size }: { digest: Digest; size: number },
): Promise<boolean> {
  if (size === 0 || size > MANIFEST_MAX_BYTES) return false;
  if (size > PEEK_ABOVE_BYTES && !beginsAsObject(await peek(store, digest))) return false;
  const bytes = await store.read(digest, MANIFEST_MAX_BYTES);
  return beginsAsObject(bytes) && bytes.includes('"schemaVersion"');
}

async function peek(store: BlobStore, digest: Digest): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const stream = await store.open(digest, { start: 0, end: PEEK_BYTES - 1 });
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function beginsAsObject(bytes: Uint8Array): boolean {
  return bytes.find((byte) => byte > 0x20) === OPENING_BRACE;
}
