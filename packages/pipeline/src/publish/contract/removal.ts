import { randomBytes } from 'node:crypto';
import { Fault, type FaultCode } from '@gantry/oci';
import { fullListPath, listPath, POINTER_PATH, serialPath } from '@gantry/tree';
import type { OpenedTarget } from './opened-target.ts';
import { documentOf, isWhole, pathsOf, statementOf, storeBlob, storeManifest } from './tree-contents.ts';

/** Of a lease that is held. */
const held = () => Promise.resolve();
const LEASE = { confirm: held, signal: new AbortController().signal };

/** What every tree target does when something leaves a tree. Each test is given a new, empty tree. */
export function removalContract(open: () => Promise<OpenedTarget>): void {
  describe('what is removed', () => {
    test('a full list is removed alone, and again without an error', async () => {
      await using opened = await open();
      const { target } = opened;
      const paths = [listPath(1), fullListPath(1), fullListPath(2)];
      for (const path of paths) await target.putList(path, Buffer.from('list\n'));
      for (let time = 0; time < 2; time++) await target.removeFullList(1);
      expect(await pathsOf(target)).toEqual([listPath(1), fullListPath(2)]);
    });

    test('an object of the pool is removed alone, and again without an error', async () => {
      await using opened = await open();
      const { target, store, another } = opened;
      const gone = await storeBlob(store, randomBytes(1000));
      const stays = await storeBlob(store, randomBytes(1000));
      const manifest = await storeManifest(store, '{"schemaVersion":2}');
      const document = documentOf('{"format":1}');
      for (const object of [gone, stays, manifest]) await target.putContent(object);
      await target.putDocument(document.path, document.bytes);
      await target.settle();
      for (let time = 0; time < 2; time++) {
        for (const path of [gone.path, manifest.path, document.path]) await target.removeContent(path);
      }
      expect(await pathsOf(await another())).toEqual([stays.path]);
      expect(await isWhole(target, stays)).toBe(true);
      expect((await store.stat(gone.digest))?.size).toBe(gone.size);
      await target.putContent(gone);
      await target.settle();
      expect(await isWhole(target, gone)).toBe(true);
    });

    test.each([POINTER_PATH, serialPath(1), listPath(1), fullListPath(1), 'pool/../serial/current.json', ''])(
      'what is not of the pool is not removed: %j',
      async (path) => {
        await using opened = await open();
        const { target } = opened;
        await target.putList(listPath(1), Buffer.from('list\n'));
        await target.claim(1, statementOf(1));
        await target.movePointer(statementOf(1));
        const before = await pathsOf(target);
        await expect(target.removeContent(path)).rejects.toMatchObject({
          code: 'TREE_INVALID' satisfies FaultCode,
        });
        expect(await pathsOf(target)).toEqual(before);
      },
    );

    test('objects of the pool and lists are removed together, and again without an error; all else stays', async () => {
      await using opened = await open();
      const { target, store, another } = opened;
      await target.begin(held);
      const blobs = await Promise.all(
        Array.from({ length: 40 }, (_, at) => storeBlob(store, Buffer.from(`blob ${at}`))),
      );
      const document = documentOf('{"format":1}');
      for (const blob of blobs) await target.putContent(blob);
      await target.putDocument(document.path, document.bytes);
      for (const path of [listPath(1), listPath(2), fullListPath(1)])
        await target.putList(path, Buffer.from('list\n'));
      await target.claim(1, statementOf(1));
      const [stays, ...gone] = blobs.map(({ path }) => path) as [string, ...string[]];
      for (let time = 0; time < 2; time++)
        await target.removeAll([...gone, document.path, listPath(1), fullListPath(1)], LEASE);
      await target.removeAll([], LEASE);
      expect(await pathsOf(await another())).toEqual([listPath(2), stays, serialPath(1)]);
      expect(await opened.leftBehind()).toBe(0);
      expect((await store.stat(blobs[1]!.digest))?.size).toBe(blobs[1]!.size);
    });

    test.each([POINTER_PATH, serialPath(1), 'pool', 'pool/../serial/current.json', ''])(
      'what is neither of the pool nor a list is not removed, nor what was asked for with it: %j',
      async (path) => {
        await using opened = await open();
        const { target } = opened;
        await target.begin(held);
        await target.putList(listPath(1), Buffer.from('list\n'));
        await target.claim(1, statementOf(1));
        await target.movePointer(statementOf(1));
        const before = await pathsOf(target);
        await expect(target.removeAll([listPath(1), path], LEASE)).rejects.toMatchObject({
          code: 'TREE_INVALID' satisfies FaultCode,
        });
        expect(await pathsOf(target)).toEqual(before);
      },
    );

    test('who has lost the lease removes nothing any more, once another has begun', async () => {
      await using opened = await open();
      const { target, store, another } = opened;
      await target.begin(held);
      const blob = await storeBlob(store, randomBytes(1000));
      await target.putContent(blob);
      const next = await another();
      await next.begin(held);
      const lost = {
        confirm: () => Promise.reject(new Fault('LEASE_LOST', 'another has it')),
        signal: new AbortController().signal,
      };
      await expect(target.removeAll([blob.path], lost)).rejects.toMatchObject({
        code: 'LEASE_LOST' satisfies FaultCode,
      });
      expect(await isWhole(next, blob)).toBe(true);
    });

    test('when a file came to lie there is told by the place', async () => {
      await using opened = await open();
      const { target, store } = opened;
      const blob = await storeBlob(store, randomBytes(1000));
      expect(await target.putAt(blob.path)).toBeUndefined();
      const before = Date.now();
      await target.putContent(blob);
      await target.putList(listPath(1), Buffer.from('list\n'));
      for (const path of [blob.path, listPath(1)]) {
        const at = (await target.putAt(path))?.getTime() ?? 0;
        // A place's clock may count whole seconds, and a file system's is a little behind.
        expect(at).toBeGreaterThan(before - 2000);
        expect(at).toBeLessThan(Date.now() + 2000);
      }
    });
  });
}
