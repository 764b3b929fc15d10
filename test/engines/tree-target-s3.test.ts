import { openTreeTarget } from '@gantry/pipeline';
import { openStore, type StoreConfiguration } from '@gantry/store';
import { createS3Client, type S3Upload } from '@gantry/store/s3';
import {
  type OpenedTarget,
  treeTargetContract,
} from '../../packages/pipeline/src/publish/tree-target.contract.ts';
import { withParts } from '../servers/parts.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { startVersitygw, type Versitygw } from '../servers/versitygw.ts';

/** All is abandoned; the server's clock is in whole seconds. */
const LONG_AGO_MS = -10_000;
const QUICK = { attempts: 6, baseMs: 1, maxMs: 20 };

withParts('S3 as a place for trees', ['versitygw'], () => {
  let server: Versitygw;
  let buckets = 0;
  beforeAll(async () => {
    server = await startVersitygw();
  });
  afterAll(async () => {
    await server?.stop();
  });

  /** A tree in a bucket, and a store in another one or in a folder. */
  async function open(storeIn: 's3' | 'filesystem'): Promise<OpenedTarget> {
    const opened = new AsyncDisposableStack();
    const place = { ...(await server.makeBucket(`tree-${buckets++}`)), prefix: 'public/tree' };
    const folder = opened.use(await temporaryFolder('s3-tree'));
    const storage: StoreConfiguration =
      storeIn === 's3'
        ? { s3: await server.makeBucket(`store-${buckets++}`) }
        : { filesystem: { root: folder.path } };
    const store = opened.use(await openStore(storage));
    const client = opened.use(await createS3Client(place));
    const uploads: S3Upload[] = [];
    const another = () =>
      openTreeTarget({ s3: place }, store, { s3: { retries: QUICK, abandonedMs: LONG_AGO_MS } });
    return {
      target: await another(),
      store,
      another,
      damage: async (path, bytes) => void (await client.put(path, bytes)),
      async leaveBehind() {
        uploads.push(await client.startUpload('pool/blobs/half'));
        await client.put('probe/of-a-start-that-was-killed', Buffer.from('1'));
      },
      async leftBehind() {
        const part = Buffer.alloc(5 * 1024 * 1024);
        const tried = await Promise.allSettled(uploads.map((upload) => upload.putPart(1, part)));
        return tried.filter(({ status }) => status === 'fulfilled').length;
      },
      [Symbol.asyncDispose]: () => opened.disposeAsync(),
    };
  }

  treeTargetContract('A bucket beside a store in S3', () => open('s3'));
  treeTargetContract('A bucket with a store of files', () => open('filesystem'));
});
