import { buffer } from 'node:stream/consumers';
import { type Digest, digestOf } from '@gantry/oci';
import * as fc from 'fast-check';
import { blobRemovalContract, type OpenedStore } from './blob-removal.contract.ts';
import { fault, finish, put, sample } from './sample-blobs.fixture.ts';

/** What every blob store does. Each test is given a new, empty one. */
export function blobStoreContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name} as a blob store`, () => {
    test('a blob that was committed can be found, read, streamed and listed', async () => {
      await using opened = await open();
      const { store, reopen } = opened;
      const { bytes, digest } = sample(300_000);
      await put(store, bytes, digest);
      for (const seen of [store, await reopen()]) {
        expect(await seen.stat(digest)).toEqual({ size: bytes.length });
        expect(digestOf(await seen.read(digest, bytes.length))).toBe(digest);
        expect(digestOf(await buffer(await seen.open(digest)))).toBe(digest);
        expect(await Array.fromAsync(seen.list())).toEqual([{ digest, size: bytes.length }]);
      }
    });

    test('a blob on its way is not to be seen before its commit', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(3_000_000);
      await using writer = await store.write(digest, bytes.length);
      await writer.append(bytes);
      expect(await store.stat(digest)).toBeUndefined();
      expect(await Array.fromAsync(store.list())).toEqual([]);
      await expect(store.open(digest)).rejects.toMatchObject(fault('BLOB_UNKNOWN', digest));
      await writer.commit();
      expect(await store.stat(digest)).toEqual({ size: bytes.length });
    });

    test('a range gives the bytes from start to end, both included, and ends with the blob', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(1000);
      await put(store, bytes, digest);
      const range = async (start: number, end?: number) =>
        await buffer(await store.open(digest, end === undefined ? { start } : { start, end }));
      expect(await range(0, 0)).toEqual(bytes.subarray(0, 1));
      expect(await range(10, 19)).toEqual(bytes.subarray(10, 20));
      expect(await range(990)).toEqual(bytes.subarray(990));
      expect(await range(990, 5000)).toEqual(bytes.subarray(990));
    });

    test('a range that is not in the blob is refused', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(1000);
      await put(store, bytes, digest);
      await expect(store.open(digest, { start: 1000 })).rejects.toMatchObject(fault('SIZE_INVALID', '1000'));
      await expect(store.open(digest, { start: 9, end: 8 })).rejects.toMatchObject(
        fault('SIZE_INVALID', '9 to 8'),
      );
    });

    test('read refuses a blob over the limit, and one that is absent', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(1001);
      await put(store, bytes, digest);
      await expect(store.read(digest, 1000)).rejects.toMatchObject(fault('SIZE_INVALID', '1001'));
      await expect(store.read(digestOf('absent'), 1000)).rejects.toMatchObject(
        fault('BLOB_UNKNOWN', digestOf('absent')),
      );
    });

    test('an empty blob and a sha512 blob are blobs too', async () => {
      await using opened = await open();
      const { store, reopen } = opened;
      const empty = digestOf('');
      const long = digestOf('some bytes', 'sha512');
      await put(store, Buffer.alloc(0), empty);
      await put(store, Buffer.from('some bytes'), long);
      const seen = await reopen();
      expect((await seen.read(empty, 10)).length).toBe(0);
      expect((await buffer(await seen.open(empty, { start: 0 }))).length).toBe(0);
      expect((await seen.read(long, 10)).toString()).toBe('some bytes');
      const listed = await Array.fromAsync(seen.list(), ({ digest }) => digest);
      expect(listed.toSorted()).toEqual([empty, long]);
    });

    test('bytes of another digest are refused by name and thrown away', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(200_000);
      const wrong = Buffer.from(bytes);
      wrong.writeUInt8(wrong.readUInt8(77) ^ 1, 77);
      const writer = await store.write(digest, bytes.length);
      await writer.append(wrong);
      const committed = writer.commit();
      await expect(committed).rejects.toMatchObject(fault('DIGEST_INVALID', digest));
      await expect(committed).rejects.toMatchObject(fault('DIGEST_INVALID', digestOf(wrong)));
      expect(await store.stat(digest)).toBeUndefined();
      expect(writer.offset).toBe(0);
      await writer.suspend();
      await using next = await store.write(digest, bytes.length);
      expect(next.offset).toBe(0);
    });

    test('a writer that was given wrong bytes takes the right ones afterwards', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(2_000_000);
      await using writer = await store.write(digest, bytes.length);
      await writer.append(Buffer.alloc(bytes.length));
      await expect(writer.commit()).rejects.toMatchObject(fault('DIGEST_INVALID', digest));
      await writer.append(bytes.subarray(0, 1_500_000));
      await expect(writer.commit()).rejects.toMatchObject(fault('SIZE_INVALID', '1500000 of 2000000'));
      await writer.append(bytes.subarray(writer.offset));
      await writer.commit();
      expect(digestOf(await store.read(digest, bytes.length))).toBe(digest);
      await expect(writer.commit()).rejects.toMatchObject(fault('UNAVAILABLE', 'has ended'));
    });

    test('a blob that ends early is refused, and the next writer goes on from what came', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(200_000);
      const first = await store.write(digest, bytes.length);
      await first.append(bytes.subarray(0, 150_000));
      await expect(first.commit()).rejects.toMatchObject(fault('SIZE_INVALID', '150000 of 200000'));
      await first.suspend();
      expect(await store.stat(digest)).toBeUndefined();
      await finish(store, bytes, digest);
    });

    test('a blob with more bytes than were said is refused', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(200_000);
      const writer = await store.write(digest, 199_999);
      await expect(writer.append(bytes)).rejects.toMatchObject(fault('SIZE_INVALID', '199999'));
      expect(writer.offset).toBe(0);
      await writer.suspend();
      await finish(store, bytes, digest);
    });

    test('a writer that was suspended, or disposed of, is gone on with, also after the next start', async () => {
      await using opened = await open();
      const { store, reopen } = opened;
      const { bytes, digest } = sample(3_000_000);
      const first = await store.write(digest, bytes.length);
      await first.append(bytes.subarray(0, 1_000_000));
      await first.suspend();
      {
        await using second = await store.write(digest, bytes.length);
        expect(second.offset).toBeLessThanOrEqual(1_000_000);
        await second.append(bytes.subarray(second.offset, 2_000_000));
      }
      await finish(await reopen(), bytes, digest);
    });

    test('a store that is closed keeps what its writers have', async () => {
      await using opened = await open();
      const { store, reopen } = opened;
      const { bytes, digest } = sample(3_000_000);
      const writer = await store.write(digest, bytes.length);
      await writer.append(bytes.subarray(0, 2_500_000));
      const seen = await reopen();
      await expect(writer.append(bytes.subarray(2_500_000))).rejects.toMatchObject(
        fault('UNAVAILABLE', digest),
      );
      await finish(seen, bytes, digest);
    });

    test('a restarted writer is at 0 and takes the whole blob', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(2_500_000);
      const first = await store.write(digest, bytes.length);
      await first.append(bytes.subarray(0, 2_000_000));
      await first.suspend();
      const writer = await store.write(digest, bytes.length);
      await writer.append(bytes.subarray(writer.offset, 2_100_000));
      await writer.restart();
      expect(writer.offset).toBe(0);
      await writer.append(bytes);
      await writer.commit();
      expect(digestOf(await store.read(digest, bytes.length))).toBe(digest);
    });

    test('what an attempt left that was told a larger size is not gone on with', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(2_000_000);
      const first = await store.write(digest, 9_000_000);
      await first.append(Buffer.concat([bytes, bytes]));
      await first.suspend();
      const writer = await store.write(digest, bytes.length);
      expect(writer.offset).toBe(0);
      await writer.append(bytes);
      await writer.commit();
      expect(digestOf(await store.read(digest, bytes.length))).toBe(digest);
    });

    test('a second writer of a digest waits for the first, and has nothing left to do', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(200_000);
      const first = await store.write(digest, bytes.length);
      let letIn = false;
      const waiting = store.write(digest, bytes.length).then((writer) => {
        letIn = true;
        return writer;
      });
      await first.append(bytes);
      expect(letIn).toBe(false);
      await first.commit();
      const second = await waiting;
      expect(second.offset).toBe(bytes.length);
      await second.commit();
    });

    test('the writer of a blob that is there can be restarted, and is as strict as any', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(1000);
      await put(store, bytes, digest);
      await using writer = await store.write(digest, 1000);
      await expect(writer.append(bytes)).rejects.toMatchObject(fault('SIZE_INVALID', digest));
      await writer.restart();
      expect(writer.offset).toBe(0);
      await writer.append(Buffer.alloc(1000));
      await expect(writer.commit()).rejects.toMatchObject(fault('DIGEST_INVALID', digest));
      await writer.append(bytes.subarray(0, 999));
      await expect(writer.commit()).rejects.toMatchObject(fault('SIZE_INVALID', '999 of 1000'));
      await writer.append(bytes.subarray(999));
      await writer.commit();
      expect(digestOf(await store.read(digest, 1000))).toBe(digest);
    });

    test('the writer after one that failed starts anew', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(200_000);
      const first = await store.write(digest, bytes.length);
      const waiting = store.write(digest, bytes.length);
      await first.append(Buffer.alloc(bytes.length));
      await expect(first.commit()).rejects.toMatchObject(fault('DIGEST_INVALID', digest));
      await first.suspend();
      const second = await waiting;
      expect(second.offset).toBe(0);
      await second.append(bytes);
      await second.commit();
      expect(await store.stat(digest)).toEqual({ size: bytes.length });
    });

    test('a blob that is there with another size than is said is refused, and the next writer is let in', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(1000);
      await put(store, bytes, digest);
      await expect(store.write(digest, 999)).rejects.toMatchObject(
        fault('SIZE_INVALID', '1000 bytes, not the 999'),
      );
      await using writer = await store.write(digest, 1000);
      expect(writer.offset).toBe(1000);
    });

    test('a blob that was deleted is gone, and can be written again', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(1000);
      await put(store, bytes, digest);
      await store.delete(digest);
      await store.delete(digest);
      expect(await store.stat(digest)).toBeUndefined();
      expect(await Array.fromAsync(store.list())).toEqual([]);
      await put(store, bytes, digest);
      expect(await store.stat(digest)).toEqual({ size: 1000 });
    });

    test('a commit does not vouch for a blob that was deleted after its writer had found it', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(1000);
      await put(store, bytes, digest);
      const writer = await store.write(digest, 1000);
      await store.delete(digest);
      await expect(writer.commit()).rejects.toMatchObject(fault('UNAVAILABLE', digest));
    });

    test('a chunk may be used again once append has resolved', async () => {
      await using opened = await open();
      const { store } = opened;
      const { bytes, digest } = sample(5_000_000);
      const writer = await store.write(digest, bytes.length);
      const chunk = Buffer.alloc(70_000);
      for (let at = 0; at < bytes.length; at += chunk.length) {
        const filled = bytes.copy(chunk, 0, at);
        await writer.append(chunk.subarray(0, filled));
        chunk.fill(0);
      }
      await writer.commit();
      expect(digestOf(await store.read(digest, bytes.length))).toBe(digest);
    });

    test('many blobs are written side by side', async () => {
      await using opened = await open();
      const { store } = opened;
      const blobs = Array.from({ length: 60 }, (_, n) => sample(1 + n * 3001));
      await Promise.all(blobs.map(({ bytes, digest }) => put(store, bytes, digest)));
      const listed = new Map(
        await Array.fromAsync(store.list(), ({ digest, size }) => [digest, size] as const),
      );
      expect(listed).toEqual(new Map(blobs.map(({ bytes, digest }) => [digest, bytes.length])));
      for (const { bytes, digest } of blobs)
        expect(digestOf(await store.read(digest, bytes.length))).toBe(digest);
    });

    test('all are listed by their digests, also those behind one alone', async () => {
      await using opened = await open();
      const { store } = opened;
      const blobs = Array.from({ length: 20 }, (_, n) => sample(1 + n));
      for (const { bytes, digest } of blobs) await put(store, bytes, digest);
      const long = Buffer.from('a sha512 blob');
      const last = digestOf(long, 'sha512');
      await put(store, long, last);
      const all = [...blobs.map(({ digest }) => digest), last].toSorted();
      const listed = (after?: Digest) => Array.fromAsync(store.list(after), ({ digest }) => digest);
      expect(await listed()).toEqual(all);
      for (const [at, digest] of all.entries()) expect(await listed(digest)).toEqual(all.slice(at + 1));
      expect(await listed(`sha256:${'f'.repeat(64)}`)).toEqual([last]);
    });

    blobRemovalContract(open);

    test('however a blob is cut into chunks, suspended and started again, its bytes are the same', async () => {
      const step = fc.oneof(
        { weight: 8, arbitrary: fc.record({ append: fc.integer({ min: 0, max: 1_500_000 }) }) },
        fc.constantFrom('suspend' as const, 'restart' as const, 'reopen' as const),
      );
      await using opened = await open();
      let { store } = opened;
      const { bytes: source } = sample(4_000_000);
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 0, max: source.length }),
          fc.array(step, { maxLength: 12 }),
          async (size, steps) => {
            const bytes = source.subarray(source.length - size);
            const digest = digestOf(bytes);
            let writer = await store.write(digest, size);
            for (const what of steps) {
              if (what === 'restart') await writer.restart();
              else if (what === 'suspend' || what === 'reopen') {
                await writer.suspend();
                if (what === 'reopen') store = await opened.reopen();
                writer = await store.write(digest, size);
              } else await writer.append(bytes.subarray(writer.offset, writer.offset + what.append));
            }
            await writer.append(bytes.subarray(writer.offset));
            await writer.commit();
            expect(digestOf(await store.read(digest, size))).toBe(digest);
            await store.delete(digest);
          },
        ),
        { numRuns: 40 },
      );
    }, 30_000);
  });
}
