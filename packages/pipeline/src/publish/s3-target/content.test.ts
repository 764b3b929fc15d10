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
