import { writeFile } from 'node:fs/promises';
import { openTreeTarget, type TreeTarget } from '@gantry/pipeline';
import { type Digest, digestOf } from '@gantry/oci';
import { type BlobStore, hasFiles, openStore } from '@gantry/store';
import { createS3Client, type S3Client, type S3Configuration } from '@gantry/store/s3';
import { blobPath, listPath, POINTER_PATH, serialPath } from '@gantry/tree';
import { randomBytes } from '../fixtures/random-bytes.ts';
import { inParallel } from '../fixtures/in-parallel.ts';
import { type FaultyS3, type Mischief, type S3Request, startFaultyS3 } from '../servers/faulty-s3.ts';
import { needs } from '../servers/parts.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { startVersitygw, type Versitygw } from '../servers/versitygw.ts';
import { statementOf } from '../../packages/pipeline/src/publish/contract/tree-contents.ts';

/** A tree in S3 behind a proxy that does what networks and busy servers do. */
const real = needs('versitygw').showing(() => (server === undefined ? [] : [server]));
const QUICK = { retries: { attempts: 6, baseMs: 1, maxMs: 20 } };

const openS3Target = (s3: S3Configuration, store: BlobStore) => openTreeTarget({ s3 }, store, { s3: QUICK });

let server: Versitygw;
let places = 0;
real.beforeAll(async () => {
  server = await startVersitygw();
});
real.afterAll(async () => {
  await server?.stop();
});

interface Opened extends AsyncDisposable {
  readonly target: TreeTarget;
  readonly store: BlobStore;
  readonly proxy: FaultyS3;
  /** Past the proxy. */
  readonly direct: S3Client;
  readonly s3: S3Configuration;
}

/** @param decide asked once the target is open */
async function open(
  decide: (request: S3Request) => Mischief | undefined,
  storeIn: 's3' | 'folder' = 'folder',
): Promise<Opened> {
  const opened = new AsyncDisposableStack();
  const place = await server.makeBucket(`tree-${places}`);
  const content = await server.makeBucket(`content-${places++}`);
  const folder = opened.use(await temporaryFolder('s3-faults'));
  let isOpen = false;
  const proxy = opened.use(
    await startFaultyS3(server.url, (request) => (isOpen ? decide(request) : undefined)),
  );
  const direct = opened.use(await createS3Client(place, QUICK));
  const s3 = { ...place, endpoint: proxy.url };
  const store = opened.use(
    await openStore(
      storeIn === 's3' ? { s3: { ...content, endpoint: proxy.url } } : { filesystem: { root: folder.path } },
    ),
  );
  const target = await openS3Target(s3, store);
  isOpen = true;
  return { target, store, proxy, direct, s3, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

const isPut = (path: string) => (request: S3Request) =>
  request.method === 'PUT' && request.path.endsWith(`/${path}`);

async function storeBlob(
  store: BlobStore,
  bytes: Buffer,
): Promise<{ path: string; digest: Digest; size: number }> {
  const digest = digestOf(bytes);
  await using writer = await store.write(digest, bytes.length);
  await writer.append(bytes);
  await writer.commit();
  return { path: blobPath(digest), digest, size: bytes.length };
}

const bytesAt = async (client: S3Client, path: string) => (await client.read(path, 20_000_000))?.bytes;

real.test('503 SlowDown at every third request slows a publication down, and that is all', async () => {
  let requests = 0;
  await using opened = await open(() => (++requests % 3 === 0 ? 'slow down' : undefined), 's3');
  const { target, store, direct } = opened;
  const blobs = await Promise.all(
    Array.from({ length: 10 }, (_, at) => storeBlob(store, Buffer.from(`blob ${at}`))),
  );
  for (const serial of [1, 2]) {
    await target.begin(() => Promise.resolve());
    await Promise.all(blobs.map((blob) => target.putContent(blob)));
    expect(await target.putList(listPath(serial), Buffer.from('+\n'))).toBe(true);
    expect(await target.claim(serial, statementOf(serial))).toBe(true);
    await target.movePointer(statementOf(serial));
    expect(await target.highestSerial()).toBe(serial);
  }
  for (const { path, digest } of blobs)
    expect(digestOf((await bytesAt(direct, path)) ?? Buffer.of())).toBe(digest);
  expect(opened.proxy.seen.filter(({ mischief }) => mischief === 'slow down').length).toBeGreaterThan(10);
});

real.test('a claim whose answer was lost is a claim, and nobody else’s', async () => {
  const claiming = isPut(serialPath(1));
  await using opened = await open((request) =>
    claiming(request) && request.repetition === 1 ? 'lose the answer' : undefined,
  );
  const { target, proxy, direct, store, s3 } = opened;
  expect(await target.claim(1, statementOf(1))).toBe(true);
  expect(proxy.seen.filter(claiming).map(({ mischief }) => mischief)).toEqual(['lose the answer', undefined]);
  const another = await openS3Target(s3, store);
  expect(await another.claim(1, statementOf(1, 'another'))).toBe(false);
  expect(await bytesAt(direct, serialPath(1))).toEqual(Buffer.from(statementOf(1)));
});

real.test(
  'a claim that another was faster with stays the other’s, also when the answer is lost',
  async () => {
    await using opened = await open((request) =>
      isPut(serialPath(1))(request) && request.repetition === 1 ? 'lose the answer' : undefined,
    );
    const { target, direct } = opened;
    await direct.put(serialPath(1), statementOf(1, 'another'));
    expect(await target.claim(1, statementOf(1))).toBe(false);
    expect(await bytesAt(direct, serialPath(1))).toEqual(Buffer.from(statementOf(1, 'another')));
  },
);

real.test('a claim whose every answer was lost is known as its own when it is made again', async () => {
  let isDown = true;
  await using opened = await open((request) =>
    isDown && isPut(serialPath(1))(request) ? 'lose the answer' : undefined,
  );
  const { target } = opened;
  await expect(target.claim(1, statementOf(1))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  isDown = false;
  expect(await target.claim(1, statementOf(1))).toBe(true);
});

for (const [what, former] of [
  ['the first', 0],
  ['a later', 1],
] as const) {
  real.test(`${what} move of the pointer whose answer was lost has happened, once`, async () => {
    const moving = isPut(POINTER_PATH);
    let isMoving = false;
    await using opened = await open((request) => {
      if (!isMoving || !moving(request)) return undefined;
      isMoving = false;
      return 'lose the answer';
    });
    const { target, direct } = opened;
    if (former > 0) await target.movePointer(statementOf(former));
    isMoving = true;
    await target.movePointer(statementOf(former + 1));
    expect(isMoving).toBe(false);
    expect(await bytesAt(direct, POINTER_PATH)).toEqual(Buffer.from(statementOf(former + 1)));
  });
}

real.test('a list whose answer was lost is its own, and stays', async () => {
  await using opened = await open((request) =>
    isPut(listPath(1))(request) && request.repetition === 1 ? 'lose the answer' : undefined,
  );
  const { target, direct } = opened;
  expect(await target.putList(listPath(1), Buffer.from('one\n'))).toBe(true);
  expect(await target.putList(listPath(1), Buffer.from('two\n'))).toBe(false);
  expect(await bytesAt(direct, listPath(1))).toEqual(Buffer.from('one\n'));
});

real.test('what the store has in the same S3 is copied there: its bytes do not come here', async () => {
  await using opened = await open(() => undefined, 's3');
  const { target, store, proxy, direct } = opened;
  const blob = await storeBlob(store, randomBytes('large', 12_000_000));
  const before = proxy.seen.length;
  await target.putContent(blob);
  expect(proxy.seen.slice(before).map(({ method }) => method)).toEqual(['HEAD', 'PUT']);
  expect(await direct.head(blob.path)).toMatchObject({
    sizeBytes: blob.size,
    contentType: 'application/octet-stream',
    cacheControl: 'public, max-age=31536000, immutable',
  });
});

real.test('a server that refuses to copy gets the bytes', async () => {
  await using opened = await open(
    ({ headers }) => ('x-amz-copy-source' in headers ? 'not implemented' : undefined),
    's3',
  );
  const { target, store, direct } = opened;
  const blob = await storeBlob(store, randomBytes('refused', 300_000));
  await target.putContent(blob);
  expect(digestOf((await bytesAt(direct, blob.path)) ?? Buffer.of())).toBe(blob.digest);
});

real.test('bytes that are not those of their digest are not published', async () => {
  await using opened = await open(() => undefined);
  const { target, store, direct } = opened;
  for (const size of [1000, 12_000_000]) {
    const blob = await storeBlob(store, randomBytes(`damaged ${size}`, size));
    if (!hasFiles(store)) throw new Error('a store in a folder has files');
    await writeFile(store.pathOf(blob.digest), Buffer.alloc(size));
    await expect(target.putContent(blob)).rejects.toMatchObject({ code: 'CONTENT_CORRUPT' });
    expect(await direct.head(blob.path)).toBeUndefined();
  }
});

real.test('an object of another Content-Type than its kind’s is put right', async () => {
  await using opened = await open(() => undefined);
  const { target, store, direct } = opened;
  const blob = await storeBlob(store, Buffer.from('a blob'));
  await direct.put(blob.path, Buffer.from('a blob'), { contentType: 'text/html' });
  await target.putContent(blob);
  expect((await direct.head(blob.path))?.contentType).toBe('application/octet-stream');
});

real.test(
  'the highest of more serials than one listing tells is found',
  async () => {
    await using opened = await open(() => undefined);
    const { target, direct, proxy } = opened;
    const serials = Array.from({ length: 1005 }, (_, at) => at + 1);
    await inParallel(serials, 16, async (serial) => {
      await direct.put(serialPath(serial), Buffer.from('{}'));
    });
    expect(await target.highestSerial()).toBe(1005);
    const listings = () => proxy.seen.filter(({ query }) => query.has('list-type')).length;
    const before = listings();
    await direct.put(POINTER_PATH, statementOf(1000));
    expect(await target.highestSerial()).toBe(1005);
    expect(listings() - before).toBe(1); // from the pointer on
  },
  60_000,
);

const refusal = (why: string) => ({
  code: 'CONFIGURATION_INVALID',
  message: expect.stringMatching(new RegExp(`^tree\\.s3: .*${why}`)) as string,
});

describe('a bucket that can not be used is told as a fault of the configuration', () => {
  real.test('one that does not exist', async () => {
    const s3 = { ...(await server.makeBucket(`gone-${places++}`)), bucket: 'never-made' };
    await expect(openS3Target(s3, {} as BlobStore)).rejects.toMatchObject(
      refusal('"never-made".*there is no such bucket'),
    );
  });

  real.test('a wrong secret', async () => {
    const place = await server.makeBucket(`secret-${places++}`);
    const s3 = { ...place, credentials: { ...place.credentials, secretAccessKey: 'wrong-secret' } };
    const opening = openS3Target(s3, {} as BlobStore);
    await expect(opening).rejects.toMatchObject(refusal('secret key does not belong'));
    await expect(opening).rejects.not.toMatchObject({ message: expect.stringContaining('wrong-secret') });
  });

  real.test('one without the right to write', async () => {
    const place = await server.makeBucket(`denied-${places++}`);
    await using proxy = await startFaultyS3(server.url, ({ method }) =>
      method === 'PUT' ? 'access denied' : undefined,
    );
    const s3 = { ...place, endpoint: proxy.url };
    await expect(openS3Target(s3, {} as BlobStore)).rejects.toMatchObject(refusal('access is denied'));
    using direct = await createS3Client(place);
    expect(await Array.fromAsync(direct.list(''))).toEqual([]);
  });

  real.test('one that holds something else, which stays as it is', async () => {
    const place = await server.makeBucket(`foreign-${places++}`);
    using direct = await createS3Client(place);
    await direct.put('photos/1.jpg', Buffer.from('1'));
    const before = await Array.fromAsync(direct.list(''));
    await using proxy = await startFaultyS3(server.url, () => undefined);
    const s3 = { ...place, endpoint: proxy.url };
    await expect(openS3Target(s3, {} as BlobStore)).rejects.toMatchObject(
      refusal('holds "photos/1.jpg" and no tree'),
    );
    expect(proxy.seen.filter(({ method }) => method !== 'GET')).toEqual([]);
    expect(await Array.fromAsync(direct.list(''))).toEqual(before);
    await openS3Target({ ...place, prefix: 'gantry/tree' }, {} as BlobStore);
  });
});
