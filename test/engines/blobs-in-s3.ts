import { spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import { type Digest, digestOf } from '@gantry/oci';
import type { BlobStore } from '@gantry/store';
import { createS3Client } from '@gantry/store/s3';
import { randomBytes } from '../fixtures/random-bytes.ts';
import type { BucketPlace } from '../servers/versitygw.ts';

const PEAK_MEMORY = JSON.stringify(import.meta.resolve('../fixtures/peak-memory.ts'));

/** Bytes that are the same each time, by their name. */
export function sample(name: string, size: number): { bytes: Buffer; digest: Digest } {
  const bytes = randomBytes(name, size);
  return { bytes, digest: digestOf(bytes) };
}

/** Writes what is missing, in chunks as a network brings them. */
export async function put(store: BlobStore, bytes: Buffer, digest: Digest): Promise<void> {
  await using writer = await store.write(digest, bytes.length);
  while (writer.offset < bytes.length)
    await writer.append(bytes.subarray(writer.offset, writer.offset + 100_000));
  await writer.commit();
}

export async function isWhole(store: BlobStore, bytes: Buffer, digest: Digest): Promise<boolean> {
  return bytes.equals(await buffer(await store.open(digest)));
}

/** Another process that has the store open as `store`, and `say` to print a line. */
export function startChild(s3: BucketPlace, script: string) {
  const source = `
    import { createHash } from 'node:crypto';
    import { openStore } from '@gantry/store';
    import { peakMemoryBytes } from ${PEAK_MEMORY};
    const say = (line) => process.stdout.write(line + '\\n');
    const store = await openStore({ s3: ${JSON.stringify(s3)} });
    ${script}`;
  return spawn(process.execPath, ['--input-type=module', '--eval', source], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** How many uploads are under way, finished by none: they are thrown away. */
export async function throwUploadsAway(place: BucketPlace): Promise<number> {
  using client = await createS3Client(place);
  return await client.removeAbandonedUploads('', 0);
}
