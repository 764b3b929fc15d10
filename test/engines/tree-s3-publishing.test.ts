import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { openTreeSource } from '@gantry/pipeline';
import { createS3Client } from '@gantry/store/s3';
import {
  blobPath,
  cacheControlOf,
  contentTypeOf,
  directoryTree,
  httpTree,
  openTree,
  verifyTree,
} from '@gantry/tree';
import { collect as collectPlace, expectWhole } from '../fixtures/collected-place.ts';
import { ENDS_OF_ONE_THAT_WAS_FOLLOWED, outcomeOf, succeed } from '../fixtures/publisher-handover.ts';
import { type PublisherProcess, startPublisher } from '../fixtures/publisher-process.ts';
import { imageOf, openPublishing, type PublishingPlace } from '../fixtures/publishing.ts';
import { needs } from '../servers/parts.ts';
import { makePublic } from '../servers/public-bucket.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { startVersitygw, type Versitygw } from '../servers/versitygw.ts';

/** The flow from source to tree with its content in S3, as it is seen from outside, and with publishers that are killed or stopped. */
const real = needs('versitygw').showing(() => (server === undefined ? [] : [server]));

const NOW = '2026-11-21T09:00:00.000Z';
const DAY_MS = 86_400_000;
/** So little is kept that a collection has something to do. */
const COLLECTING: PublishingPlace['rules'] = {
  keepUntaggedMs: 0,
  retention: { graceMs: DAY_MS, keepSnapshots: 2, keepSnapshotsForMs: 0 },
};
/** Each call of a publication that changes something, with how often. */
const WRITES: Readonly<Record<string, number>> = {
  'catalog.channels.apply': 1,
  'catalog.pool.apply': 1,
  'catalog.promotions.replace': 1,
  'catalog.publications.put': 2,
  'target.begin': 1,
  'target.claim': 1,
  'target.movePointer': 1,
  'target.putContent': 4,
  'target.putDocument': 3,
  'target.putList': 1,
};
const IS_WRITE = /^(?:target\.(?!highestSerial$|settle$|source\.)|catalog\..*\.(?:apply|put|replace)$)/;

let server: Versitygw;
let publisher: PublisherProcess;
let places = 0;
real.beforeAll(async () => {
  server = await startVersitygw();
  publisher = startPublisher();
  await server.makeBucket('content');
});
real.afterAll(async () => {
  await publisher?.[Symbol.asyncDispose]();
  await server?.stop();
});

interface Prepared extends AsyncDisposable {
  readonly place: PublishingPlace;
  readonly bucket: string;
  /** The promotion of `2` that waits for a publisher. */
  readonly waiting: string;
}

/** A tree in a bucket of its own with one serial, and a promotion that waits. */
async function prepare(): Promise<Prepared> {
  const folder = await temporaryFolder('s3-publishing');
  const bucket = `tree-${places++}`;
  const s3 = await server.makeBucket(bucket);
  const place: PublishingPlace = {
    catalog: { sqlite: { file: path.join(folder.path, 'catalog.db') } },
    storage: { s3: { ...s3, bucket: 'content' } },
    tree: { s3 },
  };
  await using opened = await openPublishing(place, NOW);
  await opened.sync();
  await opened.promote('1');
  await opened.publisher.publishPending();
  return {
    place,
    bucket,
    waiting: await opened.promote('2'),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

real.test(
  'what is published is served by the bucket, whole, each with the headers that the format names',
  async () => {
    await using prepared = await prepare();
    const { place, bucket } = prepared;
    await using opened = await openPublishing(place, NOW);
    await opened.publisher.publishPending();
    const url = await makePublic(server, bucket);
    const verified = await verifyTree(httpTree(url), { deep: true, nowMs: Date.parse(NOW) });
    expect(verified).toMatchObject({ errors: 0, warnings: 0, findings: [], statement: { serial: 2 } });
    const app = await (await openTree(httpTree(url)))?.repository('app');
    expect(app?.tags.get('latest')).toBe(imageOf('2').digest);

    const served: string[] = [];
    for await (const file of opened.tree.list?.('') ?? []) {
      const answer = await fetch(`${url}/${file.path}`);
      await answer.body?.cancel();
      const [type, cache] = ['content-type', 'cache-control'].map((name) => answer.headers.get(name));
      expect({ path: file.path, type, cache }).toEqual({
        path: file.path,
        type: contentTypeOf(file.path),
        cache: cacheControlOf(file.path),
      });
      expect(answer.headers.get('content-encoding')).toBeNull();
      served.push(file.path.split('/', file.path.startsWith('pool/manifests') ? 3 : 2).join('/'));
    }
    expect([...new Set(served)].toSorted()).toEqual([
      'lists/000000000001.txt',
      'lists/000000000002.txt',
      'lists/full-000000000001.txt',
      'pool/blobs',
      'pool/index',
      'pool/manifests/oci-index',
      'pool/manifests/oci-manifest',
      'serial/000000000001.json',
      'serial/000000000002.json',
      'serial/current.json',
    ]);
  },
);

real.test('store and tree may each be in S3 or in a folder', async () => {
  for (const [storeIn, treeIn] of [
    ['folder', 's3'],
    ['s3', 'folder'],
  ]) {
    await using folder = await temporaryFolder('s3-mixed');
    const s3 = await server.makeBucket(`mixed-${places++}`);
    const place: PublishingPlace = {
      catalog: { sqlite: { file: path.join(folder.path, 'catalog.db') } },
      storage: storeIn === 's3' ? { s3 } : { filesystem: { root: path.join(folder.path, 'store') } },
      tree: treeIn === 's3' ? { s3 } : { filesystem: { root: path.join(folder.path, 'tree') } },
    };
    await using opened = await openPublishing(place, NOW);
    await opened.sync();
    await opened.promote('1');
    await opened.publisher.publishPending();
    const verified = await verifyTree(opened.tree, { deep: true, nowMs: Date.parse(NOW) });
    expect(verified).toMatchObject({ errors: 0, warnings: 0, statement: { serial: 1 } });
    if (treeIn === 'folder') expect(opened.tree.name).toBe(directoryTree(`${folder.path}/tree`).name);
  }
});

real.test('the writes of a publication are those that are tried here', async () => {
  await using prepared = await prepare();
  const { outcome, steps } = await publisher.command({ place: prepared.place, now: NOW });
  expect(outcome).toBe('done');
  expect(Object.fromEntries(Object.entries(steps).filter(([step]) => IS_WRITE.test(step)))).toEqual(WRITES);
});

for (const [step, times] of Object.entries(WRITES)) {
  for (const time of new Set([1, times])) {
    const stopBefore = `${step}#${time}`;

    real.test(
      `a publisher that is killed (SIGKILL) before ${stopBefore} leaves a whole tree, and the next run completes`,
      async () => {
        await using prepared = await prepare();
        const { place, bucket, waiting } = prepared;
        await using killed = startPublisher();
        const command = { place, now: NOW, stopBefore, signal: 'SIGKILL' } as const;
        await expect(killed.command(command)).rejects.toThrow('ended by SIGKILL');
        const url = await makePublic(server, bucket);
        const verified = await verifyTree(httpTree(url), { deep: true, nowMs: Date.parse(NOW) });
        expect(verified).toMatchObject({ errors: 0, warnings: 0, findings: [] });
        await using next = await succeed(place, NOW, waiting);
        await next.expectIntact();
      },
      30_000,
    );

    real.test(
      `a publisher that is stopped (SIGSTOP) before ${stopBefore} and wakes harms nothing that its successor did`,
      async () => {
        await using prepared = await prepare();
        const { place, waiting } = prepared;
        const answer = publisher.command({ place, now: NOW, stopBefore });
        await publisher.stopped(answer);
        await using next = await succeed(place, NOW, waiting);
        publisher.wake();
        expect(outcomeOf(await answer)).toMatch(ENDS_OF_ONE_THAT_WAS_FOLLOWED);
        await next.expectIntact();
      },
      30_000,
    );
  }
}

real.test(
  'a collection takes out of the bucket what no retained snapshot reaches, and what no list has, and nothing else',
  async () => {
    await using folder = await temporaryFolder('s3-collecting');
    const s3 = await server.makeBucket(`tree-${places++}`);
    const place: PublishingPlace = {
      catalog: { sqlite: { file: path.join(folder.path, 'catalog.db') } },
      storage: { s3: { ...s3, bucket: 'content' } },
      tree: { s3 },
      rules: COLLECTING,
    };
    // To come, so that whatever lies there was there before.
    const start = Date.now() + 2 * DAY_MS;
    const onDay = (day: number) => new Date(start + day * DAY_MS).toISOString();
    for (const [day, tag] of ['1', '2', '3'].entries()) {
      await using opened = await openPublishing(place, onDay(day));
      if (day === 0) await opened.sync();
      await opened.promote(tag);
      await opened.publisher.publishPending();
    }
    using client = await createS3Client(s3);
    const orphan = blobPath(digestOf('an orphan'));
    await client.put(orphan, Buffer.from('left by one that died'));
    for (let day = 3; day < 13; day++) {
      await using opened = await openPublishing(place, onDay(day));
      await opened.publisher.refresh();
      await collectPlace(place, onDay(day));
      await expectWhole(await openTreeSource(place.tree), onDay(day));
    }
    await using opened = await openPublishing(place, onDay(13));
    const inPool = (await Array.fromAsync(opened.catalog.pool.list('main'))).map((object) => object.path);
    const objects = (await Array.fromAsync(client.list('pool/'))).map((object) => object.path);
    expect(objects.toSorted()).toEqual(inPool.toSorted());
    const gone = imageOf('1').digest.slice('sha256:'.length);
    expect([objects.includes(orphan), objects.some((one) => one.endsWith(gone))]).toEqual([false, false]);
    const { findings } = await verifyTree(opened.tree, { deep: true, nowMs: Date.parse(onDay(13)) });
    expect(findings).toEqual([]);
  },
  120_000,
);
