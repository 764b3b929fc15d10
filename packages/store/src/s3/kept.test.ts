import { createHash } from 'node:crypto';
import { digestOf } from '@gantry/oci';
import { KeptUploads } from './kept-uploads.ts';
import type { PartsKept } from './parts-sender.ts';
import { SmallBlobs } from './small-blobs.ts';

/** An upload that notes its own end. */
function upload(aborted: string[], name: string): PartsKept {
  return {
    offset: 5,
    hash: createHash('sha256'),
    upload: {
      path: name,
      putPart: async () => undefined,
      complete: async () => ({ written: false }),
      abort: async () => void aborted.push(name),
    },
  };
}

test('an upload is kept for the next writer of the same blob, once', async () => {
  const aborted: string[] = [];
  await using kept = new KeptUploads();
  const parts = upload(aborted, 'a');
  await kept.keep(digestOf('a'), 9, parts);
  expect(await kept.take(digestOf('b'), 9)).toBeUndefined();
  expect(await kept.take(digestOf('a'), 9)).toBe(parts);
  expect(await kept.take(digestOf('a'), 9)).toBeUndefined();
  expect(aborted).toEqual([]);
});

test('one that can not be gone on with is thrown away: of another size, the oldest of many, all at the end', async () => {
  const aborted: string[] = [];
  const kept = new KeptUploads();
  await kept.keep(digestOf('other size'), 9, upload(aborted, 'other size'));
  expect(await kept.take(digestOf('other size'), 8)).toBeUndefined();
  expect(aborted).toEqual(['other size']);
  for (let number = 0; number < 258; number++)
    await kept.keep(digestOf(String(number)), 9, upload(aborted, String(number)));
  expect(aborted).toEqual(['other size', '0', '1']);
  await kept[Symbol.asyncDispose]();
  expect(aborted).toHaveLength(259);
});

test('small blobs are kept as copies, large ones are not, and all of them within a bound', () => {
  const small = new SmallBlobs();
  const bytes = Buffer.from('small');
  small.set(digestOf('small'), bytes);
  bytes.fill(0);
  small.get(digestOf('small'))?.fill(0);
  expect(small.get(digestOf('small'))?.toString()).toBe('small');
  small.delete(digestOf('small'));
  expect(small.get(digestOf('small'))).toBeUndefined();
  small.set(digestOf('large'), Buffer.alloc(65_537));
  expect(small.get(digestOf('large'))).toBeUndefined();
  for (let number = 0; number < 65; number++) small.set(digestOf(String(number)), Buffer.alloc(65_536));
  expect([0, 1, 64].map((number) => small.get(digestOf(String(number)))?.length)).toEqual([
    undefined,
    65_536,
    65_536,
  ]);
});
