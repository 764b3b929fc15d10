import { openStore } from '@gantry/store';
import { blobStoreContract } from '../../packages/store/src/blob-store.contract.ts';
import { startVersitygw, type Versitygw } from '../servers/versitygw.ts';

let server: Versitygw;
let buckets = 0;
beforeAll(async () => {
  server = await startVersitygw();
});
afterAll(async () => {
  await server?.stop();
});

const newBucket = () => server.makeBucket(`bucket-${buckets++}`);

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
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
});
