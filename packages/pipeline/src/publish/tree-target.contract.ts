import { randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { digestOf, type FaultCode } from '@gantry/oci';
import { fullListPath, listPath, MAX_STATEMENT_BYTES, POINTER_PATH, serialPath } from '@gantry/tree';
import {
  bytesAt,
  contentOf,
  documentOf,
  isWhole,
  pathsOf,
  statementOf,
  storeBlob,
  storeManifest,
} from './contract/tree-contents.ts';
import type { OpenedTarget } from './contract/opened-target.ts';
import { removalContract } from './contract/removal.ts';
import type { TreeTarget } from './tree-target.ts';

export type { OpenedTarget } from './contract/opened-target.ts';

/** What every tree target does. Each test is given a new, empty tree. */
export function treeTargetContract(name: string, open: () => Promise<OpenedTarget>): void {
  describe(`${name} as a place for trees`, () => {
    test('an empty tree has no serial, no pointer and no file', async () => {
      await using opened = await open();
      const { target } = opened;
      expect(await target.highestSerial()).toBe(0);
      expect(await target.source.read(POINTER_PATH, MAX_STATEMENT_BYTES)).toBeUndefined();
      expect(await pathsOf(target)).toEqual([]);
      await target.settle();
    });

    test('blobs and manifests of the store are put, each once, with their bytes', async () => {
      await using opened = await open();
      const { target, store } = opened;
      const blob = await storeBlob(store, randomBytes(300_000));
      const empty = await storeBlob(store, Buffer.alloc(0));
      const manifest = await storeManifest(store, '{"schemaVersion":2}');
      for (let time = 0; time < 2; time++) {
        for (const object of [blob, empty, manifest]) await target.putContent(object);
        await target.settle();
      }
      expect(await pathsOf(target)).toEqual([blob, empty, manifest].map(({ path }) => path).toSorted());
      for (const object of [blob, empty, manifest]) expect(await isWhole(target, object)).toBe(true);
    });

    test('many objects are put side by side, also the same one', async () => {
      await using opened = await open();
      const { target, store } = opened;
      const objects = await Promise.all(
        Array.from({ length: 20 }, (_, at) => storeBlob(store, Buffer.from(`blob ${at}`))),
      );
      await Promise.all([...objects, ...objects].map((object) => target.putContent(object)));
      await target.settle();
      expect(await pathsOf(target)).toEqual(objects.map(({ path }) => path).toSorted());
    });

    test('large content is seen whole or not at all', async () => {
      await using opened = await open();
      const { target, store } = opened;
      const blob = await storeBlob(store, randomBytes(12 * 1024 * 1024 + 1));
      const putting = { over: false };
      const put = target.putContent(blob).finally(() => (putting.over = true));
      const seen = new Set<number | undefined>();
      while (!putting.over) {
        seen.add((await target.source.stat(blob.path))?.size);
        await turn();
      }
      await put;
      expect([...seen].filter((size) => size !== undefined && size !== blob.size)).toEqual([]);
      expect(await isWhole(target, blob)).toBe(true);
    }, 30_000);

    test('content that the store lacks is refused by name, and leaves nothing', async () => {
      await using opened = await open();
      const { target } = opened;
      const absent = contentOf(Buffer.from('nowhere'));
      await expect(target.putContent(absent)).rejects.toMatchObject({
        code: 'BLOB_UNKNOWN' satisfies FaultCode,
        message: expect.stringContaining(absent.digest),
      });
      expect(await pathsOf(target)).toEqual([]);
    });

    test('content and documents of another size are put right', async () => {
      await using opened = await open();
      const { target, store, damage } = opened;
      const blob = await storeBlob(store, randomBytes(1000));
      const document = documentOf('{"format":1}');
      const put = async () => {
        await target.putContent(blob);
        await target.putDocument(document.path, document.bytes);
        await target.settle();
      };
      await put();
      await damage(blob.path, randomBytes(10));
      await damage(document.path, randomBytes(10));
      await put();
      expect(await isWhole(target, blob)).toBe(true);
      expect(await bytesAt(target, document.path)).toEqual(document.bytes);
    });

    test('a document of other bytes and the same size is put right, and so is content that is checked', async () => {
      await using opened = await open();
      const { target, store, damage } = opened;
      const manifest = await storeManifest(store, '{"schemaVersion":2}');
      const document = documentOf('{"format":1}');
      await target.putContent(manifest);
      await target.putDocument(document.path, document.bytes);
      await target.settle();
      await damage(manifest.path, randomBytes(manifest.size));
      await damage(document.path, randomBytes(document.bytes.length));
      for (let time = 0; time < 2; time++) {
        await target.putContent(manifest, { check: true });
        await target.putDocument(document.path, document.bytes);
        await target.settle();
        expect(await isWhole(target, manifest)).toBe(true);
        expect(await bytesAt(target, document.path)).toEqual(document.bytes);
      }
    });

    test('content that the tree has and the store lacks stays', async () => {
      await using opened = await open();
      const { target, store } = opened;
      const blob = await storeBlob(store, randomBytes(1000));
      await target.putContent(blob);
      await store.delete(blob.digest);
      for (const check of [false, true]) await target.putContent(blob, { check });
      expect(await isWhole(target, blob)).toBe(true);
    });

    test('a list that is there stays as it is; the same one again is no other', async () => {
      await using opened = await open();
      const { target, another } = opened;
      for (const path of [listPath(1), fullListPath(1)]) {
        const list = Buffer.from(`+ 1 ${'a'.repeat(64)} ${path}\n`);
        expect(await target.putList(path, list)).toBe(true);
        expect(await (await another()).putList(path, list)).toBe(true);
        expect(await (await another()).putList(path, Buffer.from('another\n'))).toBe(false);
        expect(await target.putList(path, Buffer.alloc(0))).toBe(false);
        expect(await bytesAt(target, path)).toEqual(list);
      }
      await target.settle();
    });

    test('of many that put a list of one serial, one has it', async () => {
      await using opened = await open();
      const targets = [opened.target, await opened.another()];
      const lists = Array.from({ length: 10 }, (_, at) => Buffer.from(`${at}\n`));
      const put = await Promise.all(lists.map((list, at) => targets[at % 2]!.putList(listPath(7), list)));
      expect(put.filter(Boolean)).toHaveLength(1);
      expect(await bytesAt(opened.target, listPath(7))).toEqual(lists[put.indexOf(true)]);
    });

    test('of many claims of one serial one wins, and its statement stands', async () => {
      await using opened = await open();
      const targets = [opened.target, await opened.another()];
      const statements = Array.from({ length: 10 }, (_, at) => statementOf(3, `root ${at}`));
      const won = await Promise.all(statements.map((one, at) => targets[at % 2]!.claim(3, one)));
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(await bytesAt(opened.target, serialPath(3))).toEqual(statements[won.indexOf(true)]);
      expect(await opened.target.highestSerial()).toBe(3);
    });

    test('a claim that is made again with the same statement is the same claim', async () => {
      await using opened = await open();
      const { target, another } = opened;
      const statement = statementOf(1);
      expect(await target.claim(1, statement)).toBe(true);
      expect(await target.claim(1, statement)).toBe(true);
      expect(await (await another()).claim(1, statementOf(1, 'other'))).toBe(false);
      expect(await bytesAt(target, serialPath(1))).toEqual(statement);
    });

    test('the highest serial is that of a claim, whatever the pointer and the gaps', async () => {
      await using opened = await open();
      const { target, another } = opened;
      for (const serial of [2, 10, 9]) await target.claim(serial, statementOf(serial));
      await target.putList(listPath(400), Buffer.from('+\n'));
      expect(await target.highestSerial()).toBe(10);
      await target.movePointer(statementOf(10));
      expect(await target.highestSerial()).toBe(10);
      await target.claim(123_456, statementOf(123_456));
      expect(await target.highestSerial()).toBe(123_456);
      expect(await (await another()).highestSerial()).toBe(123_456);
    });

    test('the pointer moves on, and again to where it is', async () => {
      await using opened = await open();
      const { target, another } = opened;
      for (const serial of [1, 2, 5]) {
        await target.claim(serial, statementOf(serial));
        await target.movePointer(statementOf(serial));
        await (await another()).movePointer(statementOf(serial));
        expect(await bytesAt(target, POINTER_PATH)).toEqual(statementOf(serial));
      }
    });

    test('the pointer never goes back: who comes late is told that it was followed', async () => {
      await using opened = await open();
      const { target, another } = opened;
      for (const serial of [1, 2]) await target.claim(serial, statementOf(serial));
      await target.movePointer(statementOf(2));
      for (const late of [target, await another()]) {
        await expect(late.movePointer(statementOf(1))).rejects.toMatchObject({
          code: 'LEASE_LOST' satisfies FaultCode,
          details: { serial: 1, newer: 2 },
        });
      }
      expect(await bytesAt(target, POINTER_PATH)).toEqual(statementOf(2));
    });

    test('of many that move the pointer at once, the newest has it in the end', async () => {
      await using opened = await open();
      const targets = [opened.target, await opened.another()];
      const serials = [4, 8, 1, 6, 3, 7, 5, 2];
      for (const serial of serials) await opened.target.claim(serial, statementOf(serial));
      const moved = await Promise.allSettled(
        serials.map((serial, at) => targets[at % 2]!.movePointer(statementOf(serial))),
      );
      expect(moved[serials.indexOf(8)]).toMatchObject({ status: 'fulfilled' });
      const refusals = moved
        .filter((one) => one.status === 'rejected')
        .map(({ reason }) => reason as unknown);
      for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'LEASE_LOST' });
      expect(await bytesAt(opened.target, POINTER_PATH)).toEqual(statementOf(8));
    });

    test('a newer claim that does not go on from here is no newer state of the tree', async () => {
      await using opened = await open();
      const { target } = opened;
      await target.claim(1, statementOf(1));
      const strays = [
        [7, statementOf(7, 'root', { serial: 6, digest: digestOf('another history') })],
        [9, statementOf(9, 'root', null, 'another tree')],
      ] as const;
      for (const [serial, stray] of strays) expect(await target.claim(serial, stray)).toBe(true);
      await target.movePointer(statementOf(1));
      expect(await bytesAt(target, POINTER_PATH)).toEqual(statementOf(1));
      expect(await target.highestSerial()).toBe(9);
    });

    removalContract(open);

    test('a publication begins with what was left behind removed, and nothing else', async () => {
      await using opened = await open();
      const { target, store, another } = opened;
      await target.begin(held);
      const blob = await storeBlob(store, randomBytes(1000));
      await target.putContent(blob);
      await target.claim(1, statementOf(1));
      await opened.leaveBehind();
      expect(await opened.leftBehind()).toBe(1);
      const next = await another();
      await next.begin(held);
      expect(await opened.leftBehind()).toBe(0);
      expect(await pathsOf(next)).toEqual([blob.path, serialPath(1)]);
      await next.begin(held);
    });

    test('a publication does not begin without its lease, and what another is at stays', async () => {
      await using opened = await open();
      const { target, another } = opened;
      await target.begin(held);
      const late = await another();
      const lost = new Error('the lease is lost');
      await expect(late.begin(() => Promise.reject(lost))).rejects.toBe(lost);
      expect(await target.putList(listPath(1), Buffer.from('+\n'))).toBe(true);
      expect(await target.claim(1, statementOf(1))).toBe(true);
      await target.movePointer(statementOf(1));
    });

    const steps = publicationSteps(Buffer.from('a blob'), '{"format":1}');
    test.each(steps.map(({ call }, at) => [call, at] as const))(
      'cut off before %s, a publication is made again by the next start',
      async (_, cutAt) => {
        await using opened = await open();
        const { target, store, another } = opened;
        await storeBlob(store, Buffer.from('a blob'));
        for (const { make } of steps.slice(0, cutAt)) await make(target);
        const next = await another();
        for (const { make } of steps) await make(next);
        expect(await bytesAt(next, POINTER_PATH)).toEqual(statementOf(1));
        expect((await pathsOf(next)).filter((path) => !path.startsWith('.'))).toHaveLength(5);
        expect(await opened.leftBehind()).toBe(0);
      },
    );
  });
}

/** Of a lease that is held. */
const held = () => Promise.resolve();

/** The calls of one publication, in their order. */
function publicationSteps(blob: Buffer, json: string) {
  const document = documentOf(json);
  return [
    { call: 'begin', make: (target: TreeTarget) => target.begin(held) },
    { call: 'putContent', make: (target: TreeTarget) => target.putContent(contentOf(blob)) },
    { call: 'settle', make: (target: TreeTarget) => target.settle() },
    {
      call: 'putDocument',
      make: (target: TreeTarget) => target.putDocument(document.path, document.bytes),
    },
    {
      call: 'putList',
      make: async (target: TreeTarget) => {
        expect(await target.putList(listPath(1), Buffer.from('+\n'))).toBe(true);
      },
    },
    { call: 'the last settle', make: (target: TreeTarget) => target.settle() },
    {
      call: 'claim',
      make: async (target: TreeTarget) => {
        expect(await target.claim(1, statementOf(1))).toBe(true);
      },
    },
    { call: 'movePointer', make: (target: TreeTarget) => target.movePointer(statementOf(1)) },
  ];
}
