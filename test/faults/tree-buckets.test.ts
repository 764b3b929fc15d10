import { openTreeTarget } from '@gantry/pipeline';
import type { BlobStore } from '@gantry/store';
import { createS3Client, type S3Configuration } from '@gantry/store/s3';
import { POINTER_PATH } from '@gantry/tree';
import { startFaultyS3 } from '../servers/faulty-s3.ts';
import { needs } from '../servers/parts.ts';
import { allow } from '../servers/public-bucket.ts';
import { startVersitygw, type Versitygw } from '../servers/versitygw.ts';

/** Buckets in which a right is lacking: each is refused before anything of a tree is written. */

const openBucket = (s3: S3Configuration) =>
  openTreeTarget({ s3 }, {} as BlobStore, { s3: { retries: { attempts: 3, baseMs: 1, maxMs: 5 } } });

const real = needs('versitygw').showing(() => (server === undefined ? [] : [server]));
const RIGHTS = ['s3:ListBucket', 's3:GetObject', 's3:PutObject', 's3:DeleteObject'];
const user = { accessKeyId: 'a-user-of-the-tests', secretAccessKey: 'a-secret-of-the-tests' };
let server: Versitygw | undefined;
let buckets = 0;
real.beforeAll(async () => {
  server = await startVersitygw();
  await server.addUser(user.accessKeyId, user.secretAccessKey);
});
real.afterAll(async () => {
  await server?.stop();
});

async function bucket(): Promise<{
  s3: S3Configuration;
  allowed: (rights: readonly string[]) => Promise<void>;
  keys: () => Promise<string[]>;
  url: string;
}> {
  if (server === undefined) throw new Error('the server is not there');
  const at = server;
  const place = await at.makeBucket(`rights-${buckets++}`);
  return {
    s3: { ...place, credentials: user },
    url: at.url,
    allowed: (rights) => allow(at, place.bucket, user.accessKeyId, rights),
    async keys() {
      using client = await createS3Client(place);
      return (await Array.fromAsync(client.list(''))).map(({ path: key }) => key);
    },
  };
}

for (const lacking of RIGHTS)
  real.test(`a bucket without ${lacking} is refused`, async () => {
    const { s3, allowed, keys } = await bucket();
    await allowed(RIGHTS.filter((right) => right !== lacking));
    await expect(openBucket(s3)).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringMatching(
        /^tree\.s3: .*access is denied: the key needs the rights to list, read, write and delete there/,
      ),
    });
    // What can be written and not deleted is a try at it.
    const left = lacking === 's3:DeleteObject' ? [expect.stringMatching(/^probe\//)] : [];
    expect(await keys()).toEqual(left);
  });

for (const header of ['if-none-match', 'if-match'])
  real.test(`a bucket that takes no writes with ${header} is refused`, async () => {
    const { s3, allowed, keys, url } = await bucket();
    await allowed(RIGHTS);
    await using proxy = await startFaultyS3(url, ({ method, headers }) =>
      method === 'PUT' && headers[header] !== undefined ? 'not implemented' : undefined,
    );
    await expect(openBucket({ ...s3, endpoint: proxy.url })).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringMatching(/^tree\.s3: .*does not keep to If-(?:None-)?Match/),
    });
    expect(await keys()).toEqual([]);
  });

real.test('a bucket with all rights is taken, unless its tree is of a newer format', async () => {
  const { s3, allowed, keys } = await bucket();
  await allowed(RIGHTS);
  expect(await (await openBucket(s3)).highestSerial()).toBe(0);
  expect(await keys()).toEqual([]);
  using client = await createS3Client(s3);
  await client.put(POINTER_PATH, Buffer.from('{"format":2,"type":"gantry-serial"}'));
  await expect(openBucket(s3)).rejects.toMatchObject({
    code: 'CONFIGURATION_INVALID',
    message: expect.stringMatching(/^tree\.s3: the tree .* is of format 2, and/),
  });
  expect(await keys()).toEqual([POINTER_PATH]);
});
