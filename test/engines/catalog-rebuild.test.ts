import { createInProcessRegistry, makeImage, makeLayer } from '@gantry/registry';
import { openTree } from '@gantry/tree';
import { openTreeTarget } from '@gantry/pipeline';
import { openStore } from '@gantry/store';
import { MongoClient } from 'mongodb';
import { gantry, writeConfiguration } from '../servers/gantry.ts';
import { startMongoJavaServer } from '../servers/mongo-java-server.ts';
import { needs } from '../servers/parts.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { startVersitygw } from '../servers/versitygw.ts';

/** A catalog in MongoDB is lost, and remade from a tree and a store in S3. */

const image = (text: string) =>
  makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [makeLayer([{ path: 'a', content: text }])],
  });

const real = needs('versitygw', 'mongo-java-server');

real.test(
  'a catalog in MongoDB that was lost is remade from S3 by the command, and the next promotion works',
  async () => {
    await using opened = new AsyncDisposableStack();
    const folder = opened.use(await temporaryFolder('rebuild-engines'));
    const s3 = await startVersitygw();
    opened.defer(async () => void (await s3.stop()));
    const mongo = opened.use(await startMongoJavaServer());
    const registry = createInProcessRegistry();
    for (const text of ['1', '2']) registry.push('app', image(text), text);
    const { url: upstream } = opened.use(await registry.listen());
    const place = async (bucket: string) => {
      const { credentials, ...rest } = await s3.makeBucket(bucket);
      return { settings: { ...rest, credentials }, configured: { ...rest, ...credentials } };
    };
    const [store, tree] = [await place('the-store'), await place('the-tree')];
    const url = mongo.url('lost');
    await writeConfiguration(folder.path, {
      storage: { s3: store.configured },
      tree: { s3: tree.configured },
      catalog: { mongodb: { url } },
      sources: [{ name: 'builds', registry: upstream }],
    });
    const run = async (line: string) => {
      const { code, stdout, stderr } = await gantry(folder.path, line.split(' '));
      expect([line, code, code === 0 ? '' : stderr]).toEqual([line, 0, '']);
      return stdout;
    };
    await run('sync --local');
    await run('promote app:1 --to stable --tag latest --wait --local');

    {
      await using client = new MongoClient(url);
      await client.db().dropDatabase();
    }
    const made = JSON.parse(await run('catalog rebuild --output json')) as unknown;
    expect(made).toMatchObject({
      serial: 1,
      channels: [{ channel: 'stable', repositories: 1, tags: 1 }],
      counts: { manifests: 2, channels: 1, publications: 1, poolSerials: 1 },
      manifests: { inTree: 1, inStore: 1 },
      problems: [],
    });

    registry.forgetRequests();
    await run('sync --local');
    expect(
      registry.requests.filter(({ method, path }) => method === 'GET' && /(blobs|manifests)/.test(path)),
    ).toEqual([]);
    await run('promote app:2 --to stable --tag newer --wait --local');
    await using blobs = await openStore({ s3: store.settings });
    const { source } = await openTreeTarget({ s3: tree.settings }, blobs);
    const view = await openTree(source);
    expect(view?.statement.serial).toBe(2);
    expect((await view?.repository('app'))?.tags).toEqual(
      new Map([
        ['latest', image('1').digest],
        ['newer', image('2').digest],
      ]),
    );
  },
  120_000,
);
