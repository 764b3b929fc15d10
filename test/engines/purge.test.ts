import { recordTask, findPurged, isNowhere, runPurge, runTask } from '@gantry/pipeline';
import { createS3Client } from '@gantry/store/s3';
import { blobPath, openTree, verifyTree } from '@gantry/tree';
import { bad, buildRegistry, good, openPurging, secret } from '../fixtures/purging.ts';
import { startMongoJavaServer } from '../servers/mongo-java-server.ts';
import { needs } from '../servers/parts.ts';
import { startVersitygw } from '../servers/versitygw.ts';

/** A purge with the catalog in MongoDB, and store and tree in S3. */
const real = needs('versitygw', 'mongo-java-server');

real.test(
  'what is purged is gone from MongoDB and from both buckets, and all else stays',
  async () => {
    await using opened = new AsyncDisposableStack();
    const s3 = await startVersitygw();
    opened.defer(async () => void (await s3.stop()));
    const mongo = opened.use(await startMongoJavaServer());
    const [store, tree] = [await s3.makeBucket('the-store'), await s3.makeBucket('the-tree')];
    const place = opened.use(
      await openPurging({
        catalog: { mongodb: { url: mongo.url('purge') } },
        storage: { s3: store },
        tree: { s3: tree },
      }),
    );
    await place.sync(buildRegistry());
    for (const tag of ['bad', 'latest', 'good']) await place.promote('app', tag, 'stable');
    await place.promote('app', 'bad', 'private');
    const { flow, tree: published } = place;
    const { digest } = secret;
    const objectsNamed = async () => {
      const hex = digest.slice('sha256:'.length);
      const names: string[] = [];
      for (const bucket of [store, tree]) {
        using client = await createS3Client(bucket);
        for await (const { path } of client.list('')) if (path.includes(hex)) names.push(path);
      }
      return names;
    };
    expect(await objectsNamed()).toHaveLength(2);

    const task = await recordTask(flow, 'purge', { digest });
    await flow.catalog.purges.create({
      digest,
      reason: 'a key',
      by: 'admin',
      at: flow.now().toISOString(),
      task: task.id,
    });
    const stop = new AbortController().signal;
    await runTask(flow, task.id, (now, progress, signal) => runPurge(place, now, progress, signal), stop);

    expect(await flow.catalog.tasks.get(task.id)).toMatchObject({
      state: 'done',
      errors: [],
      result: { manifests: 3, tagsTakenOut: 3, candidates: 3, objects: [blobPath(digest)] },
    });
    expect(await objectsNamed()).toEqual([]);
    expect(isNowhere(await findPurged(place, digest))).toBe(true);
    const app = await (await openTree(published.target.source))?.repository('app');
    expect([...(app?.tags ?? [])]).toEqual([['good', good.digest]]);
    expect(app?.manifests.has(bad.digest)).toBe(false);
    const { findings } = await verifyTree(published.target.source, {
      deep: true,
      nowMs: flow.now().getTime(),
    });
    expect(findings).toEqual([]);
    expect(await place.sync(buildRegistry())).toHaveLength(3);
    expect(await objectsNamed()).toEqual([]);
  },
  120_000,
);
