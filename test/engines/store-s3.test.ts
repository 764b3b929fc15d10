import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { digestOf } from '@gantry/oci';
import { hasFiles, hasObjects, openStore } from '@gantry/store';
import { createS3Client } from '@gantry/store/s3';
import * as fc from 'fast-check';
import { blobStoreContract } from '../../packages/store/src/blob-store.contract.ts';
import { randomBytes } from '../fixtures/random-bytes.ts';
import { startFaultyS3 } from '../servers/faulty-s3.ts';
import { needs, withParts } from '../servers/parts.ts';
import { type BucketPlace, startVersitygw, type Versitygw } from '../servers/versitygw.ts';
import { isWhole, put, sample, throwUploadsAway } from './blobs-in-s3.ts';

const real = needs('versitygw').showing(() => (server === undefined ? [] : [server]));
const MIB = 1024 * 1024;

let server: Versitygw;
let buckets = 0;
real.beforeAll(async () => {
  server = await startVersitygw();
});
real.afterAll(async () => {
  await server?.stop();
});

const newBucket = () => server.makeBucket(`bucket-${buckets++}`);

withParts('S3 as a blob store', ['versitygw'], () =>
  blobStoreContract('S3', async () => {
    const s3 = { ...(await newBucket()), prefix: 'gantry/store' };
    let store = await openStore({ s3 });
    return {
      store,
      reopen: async () => {
        await store[Symbol.asyncDispose]();
        store = await openStore({ s3 });
        return store;
      },
      damage: async (digest) => {
        using client = await createS3Client(s3);
        const [algorithm, hex = ''] = digest.split(':');
        await client.put(`blobs/${algorithm}/${hex.slice(0, 2)}/${hex}`, Buffer.from('damaged'));
      },
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    };
  }),
);

real.test(
  'a blob of many parts is seen by nobody before its commit, and then whole, and any part of it',
  async () => {
    const s3 = await newBucket();
    await using store = await openStore({ s3 });
    await using other = await openStore({ s3 });
    const { bytes, digest } = sample('parts', 23 * MIB + 77);
    const writer = await store.write(digest, bytes.length);
    await writer.append(bytes);
    for (const seen of [store, other]) {
      expect(await seen.stat(digest)).toBeUndefined();
      expect(await Array.fromAsync(seen.list())).toEqual([]);
      await expect(seen.open(digest)).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' });
    }
    await writer.commit();
    expect(await other.stat(digest)).toEqual({ size: bytes.length });
    expect(await isWhole(other, bytes, digest)).toBe(true);
    const range = { start: 5 * MIB - 10, end: 10 * MIB + 10 };
    expect(
      bytes.subarray(range.start, range.end + 1).equals(await buffer(await other.open(digest, range))),
    ).toBe(true);
    expect(await throwUploadsAway(s3)).toBe(0);
  },
);

real.test(
  'however a large blob is cut, suspended and started again, its bytes are the same, and nothing is left',
  async () => {
    const s3 = await newBucket();
    await using store = await openStore({ s3 });
    const source = randomBytes('cut', 17 * MIB);
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 7 * MIB }) },
      fc.constantFrom('suspend' as const, 'restart' as const),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 4 * MIB, max: source.length }),
        fc.array(step, { maxLength: 7 }),
        async (size, steps) => {
          const bytes = source.subarray(source.length - size);
          const digest = digestOf(bytes);
          let writer = await store.write(digest, size);
          for (const what of steps) {
            if (what === 'restart') await writer.restart();
            else if (what === 'suspend') {
              const { offset } = writer;
              await writer.suspend();
              writer = await store.write(digest, size);
              // Whole parts are kept, and the rest of one is not.
              expect(writer.offset).toBe(
                size <= 5 * MIB ? 0 : offset === size ? size : offset - (offset % (5 * MIB)),
              );
            } else await writer.append(bytes.subarray(writer.offset, writer.offset + what));
          }
          await writer.append(bytes.subarray(writer.offset));
          await writer.commit();
          expect(await isWhole(store, bytes, digest)).toBe(true);
          await store.delete(digest);
        },
      ),
      { numRuns: 8 },
    );
    expect(await throwUploadsAway(s3)).toBe(0);
  },
  60_000,
);

real.test('wrong bytes of a large blob are refused, and the right ones are taken afterwards', async () => {
  const s3 = await newBucket();
  await using store = await openStore({ s3 });
  const { bytes, digest } = sample('right', 11 * MIB);
  await using writer = await store.write(digest, bytes.length);
  const wrong = Buffer.from(bytes);
  wrong.writeUInt8(wrong.readUInt8(MIB) ^ 1, MIB);
  await writer.append(wrong);
  await expect(writer.commit()).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
  expect(await store.stat(digest)).toBeUndefined();
  expect(writer.offset).toBe(0);
  await writer.append(bytes);
  await writer.commit();
  expect(await isWhole(store, bytes, digest)).toBe(true);
  expect(await throwUploadsAway(s3)).toBe(0);
});

real.test('two processes that write the same blobs do each other no harm', async () => {
  const s3 = await newBucket();
  await using one = await openStore({ s3 });
  await using two = await openStore({ s3 });
  for (const size of [MIB, 12 * MIB]) {
    const { bytes, digest } = sample('both', size);
    const writers = await Promise.all([one, two].map((store) => store.write(digest, size)));
    await Promise.all(writers.map((writer) => writer.append(bytes)));
    await Promise.all(writers.map((writer) => writer.commit()));
    expect(await isWhole(one, bytes, digest)).toBe(true);
  }
  expect(await throwUploadsAway(s3)).toBe(0);
});

real.test(
  'more writers than there is memory for are all served',
  async () => {
    await using store = await openStore({ s3: await newBucket() });
    const blobs = Array.from({ length: 16 }, (_, number) => sample(`many ${number}`, 6 * MIB));
    await Promise.all(blobs.map(({ bytes, digest }) => put(store, bytes, digest)));
    for (const { bytes, digest } of blobs) expect(await isWhole(store, bytes, digest)).toBe(true);
  },
  60_000,
);

real.test('blobs that are kept as objects tell where, for the publisher', async () => {
  const s3 = { ...(await newBucket()), prefix: 'deep/er' };
  await using store = await openStore({ s3 });
  expect(hasFiles(store)).toBe(false);
  if (!hasObjects(store)) throw new Error('it has objects');
  const digest = digestOf('x');
  const key = `deep/er/blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}`;
  expect([store.objectOf(digest), store.endpoint]).toEqual([{ bucket: s3.bucket, key }, server.url]);
  await put(store, Buffer.from('x'), digest);
  using client = await createS3Client(s3);
  expect((await Array.fromAsync(client.list(''))).map((object) => client.keyOf(object.path))).toEqual([key]);
});

real.test(
  'a server that has no conditional writes serves as well: it is found out when the store is opened',
  async () => {
    const s3 = await newBucket();
    // As Swift before 2.36 answers.
    await using proxy = await startFaultyS3(server.url, ({ method, headers }) =>
      method !== 'GET' && ('if-none-match' in headers || 'if-match' in headers)
        ? 'not implemented'
        : undefined,
    );
    const behind = { ...s3, endpoint: proxy.url };
    await using one = await openStore({ s3: behind });
    await using two = await openStore({ s3: behind });
    expect(proxy.seen.filter(({ mischief }) => mischief !== undefined)).toHaveLength(4);
    for (const size of [MIB, 12 * MIB]) {
      const { bytes, digest } = sample('unconditional', size);
      const writers = await Promise.all([one, two].map((store) => store.write(digest, size)));
      await Promise.all(writers.map((writer) => writer.append(bytes)));
      await Promise.all(writers.map((writer) => writer.commit()));
      expect(await isWhole(two, bytes, digest)).toBe(true);
    }
    expect(proxy.seen.filter(({ mischief }) => mischief !== undefined)).toHaveLength(4);
    using client = await createS3Client(behind);
    expect(await client.probe()).toEqual({ ifNoneMatch: false, ifMatch: false });
  },
);

real.test(
  'a bucket that is missing, or not to be used, is refused when the store is opened, before anything is written',
  async () => {
    const s3 = await newBucket();
    await server.addUser('guest-key', 'guest-secret');
    const as = (accessKeyId: string, secretAccessKey: string) => ({
      ...s3,
      credentials: { accessKeyId, secretAccessKey },
    });
    const wrong: readonly [BucketPlace, RegExp][] = [
      [{ ...s3, bucket: 'not-there' }, /^storage\.s3: .*"not-there" at http:.*no such bucket/],
      [as('guest-key', 'guest-secret'), /access is denied/],
      [as('gantry-test-key', 'not-the-secret'), /secret key does not belong/],
      [as('nobodys-key', 'not-the-secret'), /does not know the access key/],
      [{ ...s3, bucket: 'a/../b' }, /^storage\.s3\.bucket: "a\/\.\.\/b"/],
      [{ ...s3, endpoint: 'http://key:secret@127.0.0.1:1' }, /^storage\.s3\.endpoint: "127\.0\.0\.1:1"/],
    ];
    for (const [place, told] of wrong) {
      const refused = await openStore({ s3: place }).catch((error: unknown) => error as Error);
      expect(refused).toMatchObject({
        code: 'CONFIGURATION_INVALID',
        message: expect.stringMatching(told) as string,
      });
      expect(
        JSON.stringify([refused, (refused as Error).message, String((refused as Error).cause)]),
      ).not.toMatch(/guest|nobody|secret@|not-the-secret|gantry-test/);
    }
    expect(await readdir(path.join(server.data, s3.bucket))).toEqual([]);
  },
);
