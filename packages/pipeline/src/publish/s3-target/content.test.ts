import { Readable } from 'node:stream';
import { digestOf } from '@gantry/oci';
import type { BlobStore } from '@gantry/store';
import type { S3Client } from '@gantry/store/s3';
import { contentPutter } from './content.ts';

const MIB = 1024 * 1024;
const turn = () => new Promise((next) => setImmediate(next));

test('however many large blobs are put at once, few are streamed at once; small ones do not wait for them', async () => {
  const underWay: { size: number; end: () => void }[] = [];
  const client = {
    endpoint: 'https://s3.example.org',
    putStream: async (_path: string, _bytes: unknown, size: number) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const one = { size, end: resolve };
      underWay.push(one);
      await promise;
      underWay.splice(underWay.indexOf(one), 1);
      return { written: true, etag: '' };
    },
  };
  const store = { open: async () => Readable.from([]) };
  const put = contentPutter(client as unknown as S3Client, store as unknown as BlobStore);
  const of = (size: number) => put({ path: `pool/blobs/${size}`, digest: digestOf(`${size}`), size });
  const all = Promise.all([
    ...Array.from({ length: 10 }, (_, at) => of((at + 6) * MIB)),
    ...Array.from({ length: 3 }, (_, at) => of((at + 1) * MIB)),
  ]);

  await turn();
  const largest: number[] = [];
  expect(underWay.filter(({ size }) => size < 5 * MIB)).toHaveLength(3);
  while (underWay.length > 0) {
    largest.push(underWay.filter(({ size }) => size > 5 * MIB).length);
    underWay[0]?.end();
    await turn();
  }
  await all;
  expect(Math.max(...largest)).toBe(4);
});

test('a chunk that was taken gives its memory back at once', async () => {
  const chunks = Array.from({ length: 3 }, (_, at) => Buffer.from(new ArrayBuffer(MIB)).fill(at));
  const bytes = Buffer.concat(chunks);
  const left: number[][] = [];
  const client = {
    endpoint: 'https://s3.example.org',
    putStream: async (_path: string, source: AsyncIterable<Uint8Array>) => {
      const taken: Uint8Array[] = [];
      for await (const chunk of source) {
        taken.push(Buffer.from(chunk));
        left.push(chunks.map(({ length }) => length));
      }
      expect(Buffer.concat(taken).equals(bytes)).toBe(true);
      return { written: true, etag: '' };
    },
  };
  const store = { open: async () => Readable.from(chunks) };
  const put = contentPutter(client as unknown as S3Client, store as unknown as BlobStore);
  await put({ path: 'pool/blobs/some', digest: digestOf(bytes), size: bytes.length });
  expect(left).toEqual([
    [MIB, MIB, MIB],
    [0, MIB, MIB],
    [0, 0, MIB],
  ]);
  expect(chunks.map(({ length }) => length)).toEqual([0, 0, 0]);
});
