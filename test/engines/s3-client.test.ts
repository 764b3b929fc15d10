import { buffer } from 'node:stream/consumers';
import { createS3Client, type S3Client } from '@gantry/store/s3';
import { randomBytes } from '../fixtures/random-bytes.ts';
import { type FaultyS3, type Mischief, startFaultyS3 } from '../servers/faulty-s3.ts';
import { needs } from '../servers/parts.ts';
import { startVersitygw, type Versitygw } from '../servers/versitygw.ts';

/** What store and tree share: an S3 client, on a real server, also through a proxy that breaks things. */
const real = needs('versitygw').showing(() => (server === undefined ? [] : [server]));
const MIB = 1024 * 1024;
const QUICK = { attempts: 6, baseMs: 1, maxMs: 20 };

let server: Versitygw;
let buckets = 0;
real.beforeAll(async () => {
  server = await startVersitygw();
});
real.afterAll(async () => {
  await server?.stop();
});

/** A client of a new bucket. */
async function newClient(options: { wholeCopyMaxBytes?: number } = {}): Promise<S3Client> {
  const place = await server.makeBucket(`client-${buckets++}`);
  return await createS3Client({ ...place, prefix: 'some/where' }, { retries: QUICK, ...options });
}

/** A client of a new bucket behind a proxy. */
async function behindProxy(
  decide: Parameters<typeof startFaultyS3>[1],
): Promise<{ client: S3Client; direct: S3Client; proxy: FaultyS3 } & AsyncDisposable> {
  const place = await server.makeBucket(`proxied-${buckets++}`);
  const proxy = await startFaultyS3(server.url, decide);
  const client = await createS3Client({ ...place, endpoint: proxy.url }, { retries: QUICK });
  const direct = await createS3Client(place, { retries: QUICK });
  return {
    client,
    direct,
    proxy,
    [Symbol.asyncDispose]: async () => {
      client[Symbol.dispose]();
      direct[Symbol.dispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

/** All bytes of an object, as they are streamed; none if it is absent. */
async function contentOf(client: S3Client, path: string): Promise<Buffer> {
  const opened = await client.open(path);
  return opened === undefined ? Buffer.alloc(0) : await buffer(opened.body);
}

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

real.test(
  'an object is put with its headers, and found, read, listed and removed below the prefix',
  async () => {
    using client = await newClient();
    const bytes = Buffer.from('{}');
    const put = await client.put('a/b.json', bytes, {
      contentType: 'application/json',
      cacheControl: 'no-cache',
    });
    expect(put).toEqual({ written: true, etag: expect.stringMatching(/^".+"$/) as string });
    const object = {
      sizeBytes: 2,
      etag: put.written ? put.etag : '',
      contentType: 'application/json',
      cacheControl: 'no-cache',
      modifiedAt: expect.any(Date) as Date,
    };
    expect(await client.head('a/b.json')).toEqual(object);
    expect(await client.read('a/b.json', 2)).toEqual({ object, bytes });
    await expect(client.read('a/b.json', 1)).rejects.toMatchObject({ code: 'SIZE_INVALID' });
    expect(client.keyOf('a/b.json')).toBe('some/where/a/b.json');
    expect(
      (await Array.fromAsync(client.list('a/'))).map(({ path, sizeBytes }) => [path, sizeBytes]),
    ).toEqual([['a/b.json', 2]]);
    expect(await Array.fromAsync(client.list('b'))).toEqual([]);
    await client.remove('a/b.json');
    await client.remove('a/b.json');
    expect(await client.head('a/b.json')).toBeUndefined();
    expect(await client.read('a/b.json', 9)).toBeUndefined();
    expect(await client.open('a/b.json')).toBeUndefined();
  },
);

real.test('writes with a condition happen only where it holds', async () => {
  using client = await newClient();
  expect(await client.probe()).toEqual({ ifNoneMatch: true, ifMatch: true });
  expect(await Array.fromAsync(client.list(''))).toEqual([]);
  const first = await client.put('pointer', Buffer.from('1'), { ifNoneMatch: '*' });
  expect(await client.put('pointer', Buffer.from('2'), { ifNoneMatch: '*' })).toEqual({ written: false });
  const ifMatch = first.written ? first.etag : '';
  expect(await client.put('pointer', Buffer.from('3'), { ifMatch })).toMatchObject({ written: true });
  expect(await client.put('pointer', Buffer.from('4'), { ifMatch })).toEqual({ written: false });
  expect(await client.put('nothing', Buffer.from('5'), { ifMatch })).toEqual({ written: false });
  expect((await client.read('pointer', 9))?.bytes.toString()).toBe('3');
});

real.test(
  'a stream is put whole or in parts, and not at all when it has another length than was said',
  async () => {
    using client = await newClient();
    for (const size of [0, 1000, 5 * MIB, 5 * MIB + 1, 17 * MIB]) {
      const bytes = randomBytes('stream', size);
      const path = `stream/${size}`;
      const options = { contentType: 'text/x', ifNoneMatch: '*' } as const;
      expect(await client.putStream(path, inChunks(bytes, 70_000), size, options)).toMatchObject({
        written: true,
      });
      expect(await client.putStream(path, inChunks(bytes, 70_000), size, options)).toEqual({
        written: false,
      });
      const opened = await client.open(path);
      expect(opened?.object).toMatchObject({ sizeBytes: size, contentType: 'text/x' });
      expect(bytes.equals(await contentOf(client, path))).toBe(true);
    }
    const bytes = randomBytes('stream', 6 * MIB);
    const wrong = { code: 'SIZE_INVALID' };
    await expect(client.putStream('wrong', inChunks(bytes, 70_000), bytes.length - 1)).rejects.toMatchObject(
      wrong,
    );
    await expect(client.putStream('wrong', inChunks(bytes, 70_000), bytes.length + 1)).rejects.toMatchObject(
      wrong,
    );
    await expect(client.putStream('wrong', inChunks(bytes, 70_000), 9)).rejects.toMatchObject(wrong);
    expect(await client.head('wrong')).toBeUndefined();
    expect(await client.removeAbandonedUploads('', 0)).toBe(0);
  },
);

real.test(
  'the server copies an object by itself, into another bucket and in parts too, with headers of its own',
  async () => {
    using from = await newClient();
    using to = await newClient({ wholeCopyMaxBytes: 6 * MIB });
    for (const size of [1000, 17 * MIB]) {
      const bytes = randomBytes('copied', size);
      await from.putStream('source', inChunks(bytes, MIB), size);
      const source = { bucket: from.bucket, key: from.keyOf('source'), sizeBytes: size };
      await to.copy(source, 'copy', { contentType: 'application/x', cacheControl: 'immutable' });
      const copy = await to.open('copy');
      expect(copy?.object).toMatchObject({
        sizeBytes: size,
        contentType: 'application/x',
        cacheControl: 'immutable',
      });
      expect(bytes.equals(await contentOf(to, 'copy'))).toBe(true);
    }
    const absent = { bucket: from.bucket, key: from.keyOf('absent'), sizeBytes: 1 };
    await expect(to.copy(absent, 'copy-of-nothing')).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' });
    expect(await to.head('copy-of-nothing')).toBeUndefined();
    expect(await to.removeAbandonedUploads('', 0)).toBe(0);
  },
);

real.test(
  'a listing goes on after its first thousand, and after a given path',
  async () => {
    using client = await newClient();
    const paths = Array.from({ length: 1020 }, (_, number) => `many/${String(number).padStart(4, '0')}`);
    const left = [...paths];
    const putNext = async () => {
      for (let path = left.pop(); path !== undefined; path = left.pop())
        await client.put(path, Buffer.from('x'));
    };
    await Promise.all(Array.from({ length: 16 }, putNext));
    expect((await Array.fromAsync(client.list('many/'))).map(({ path }) => path)).toEqual(paths);
    const after = await Array.fromAsync(client.list('many/', { after: 'many/1017' }));
    expect(after.map(({ path }) => path)).toEqual(['many/1018', 'many/1019']);
  },
  60_000,
);

const CUT: readonly Mischief[] = [
  'slow down',
  'internal error',
  'cut the request',
  'lose the answer',
  'cut the answer',
];

real.test(
  'throttling, errors, cut connections and lost answers are tried again, for each kind of request',
  async () => {
    let turn = 0;
    await using opened = await behindProxy(({ repetition }) =>
      repetition === 1 ? CUT[turn++ % CUT.length] : undefined,
    );
    const { client, proxy } = opened;
    const bytes = randomBytes('large', 12 * MIB);
    for (let round = 0; round < CUT.length; round++) {
      turn = round;
      const path = `round-${round}`;
      expect(await client.putStream(`${path}/large`, inChunks(bytes, MIB), bytes.length)).toMatchObject({
        written: true,
      });
      await client.put(`${path}/small`, Buffer.from('small'));
      const source = { bucket: client.bucket, key: client.keyOf(`${path}/small`), sizeBytes: 5 };
      await client.copy(source, `${path}/copy`);
      expect((await client.read(`${path}/copy`, 9))?.bytes.toString()).toBe('small');
      expect(bytes.equals(await contentOf(client, `${path}/large`))).toBe(true);
      expect((await Array.fromAsync(client.list(`${path}/`))).map((listed) => listed.path)).toEqual(
        ['copy', 'large', 'small'].map((name) => `${path}/${name}`),
      );
      await client.remove(`${path}/large`);
      expect(await client.head(`${path}/large`)).toBeUndefined();
    }
    expect(new Set(proxy.seen.map(({ mischief }) => mischief))).toEqual(new Set([...CUT, undefined]));
  },
  60_000,
);

real.test(
  'a write with a condition whose answer was lost knows its own work, and that of others',
  async () => {
    let next: Mischief | undefined;
    await using opened = await behindProxy(({ method, query }) => {
      const isWrite =
        (method === 'PUT' && !query.has('partNumber')) || (method === 'POST' && query.has('uploadId'));
      const mischief = isWrite ? next : undefined;
      if (isWrite) next = undefined;
      return mischief;
    });
    const { client, direct } = opened;
    const written = { written: true, etag: expect.stringMatching(/^".+"$/) as string };

    next = 'lose the answer';
    const created = await client.put('serial/1', Buffer.from('mine'), { ifNoneMatch: '*' });
    expect(created).toEqual({ written: true, etag: (await direct.head('serial/1'))?.etag });

    next = 'lose the answer';
    const ifMatch = created.written ? created.etag : '';
    expect(await client.put('serial/1', Buffer.from('moved'), { ifMatch })).toEqual(written);
    next = 'lose the answer';
    expect(await client.put('serial/1', Buffer.from('again'), { ifMatch })).toEqual({ written: false });
    expect((await direct.read('serial/1', 9))?.bytes.toString()).toBe('moved');

    // The first attempt came to nothing, and by the second somebody else had written the same.
    next = 'internal error';
    await direct.put('serial/2', Buffer.from('same'), { ifNoneMatch: '*' });
    expect(await client.put('serial/2', Buffer.from('same'), { ifNoneMatch: '*' })).toEqual({
      written: false,
    });

    const large = randomBytes('large', 6 * MIB);
    for (const options of [{ ifNoneMatch: '*' }, {}] as const) {
      await client.remove('large');
      next = 'lose the answer';
      expect(await client.putStream('large', inChunks(large, MIB), large.length, options)).toEqual(written);
      expect(large.equals(await contentOf(direct, 'large'))).toBe(true);
    }
    next = 'lose the answer';
    expect(await client.putStream('large', inChunks(large, MIB), large.length, { ifNoneMatch: '*' })).toEqual(
      {
        written: false,
      },
    );
    expect(await direct.removeAbandonedUploads('', 0)).toBe(0);
  },
);

real.test(
  'bytes that were damaged on the way are refused by the server, sent again, and never to be seen',
  async () => {
    let isOn = true;
    await using opened = await behindProxy(({ method, repetition }) =>
      method === 'PUT' && (isOn || repetition === 1) ? 'damage the request' : undefined,
    );
    const { client, direct } = opened;
    const large = randomBytes('large', 6 * MIB);
    const unavailable = { code: 'UNAVAILABLE', message: expect.stringContaining(client.bucket) as string };
    await expect(client.put('small', Buffer.from('bytes'))).rejects.toMatchObject(unavailable);
    await expect(client.putStream('large', inChunks(large, MIB), large.length)).rejects.toMatchObject(
      unavailable,
    );
    expect(await Array.fromAsync(direct.list(''))).toEqual([]);
    isOn = false;
    await client.put('other', Buffer.from('bytes'));
    await client.putStream('others', inChunks(large, MIB), large.length);
    expect((await direct.read('other', 9))?.bytes.toString()).toBe('bytes');
    expect(large.equals(await contentOf(direct, 'others'))).toBe(true);
  },
);

real.test(
  'a server that stays away is a fault that says so, after as many attempts as there are',
  async () => {
    await using opened = await behindProxy(() => 'slow down');
    const { client, proxy } = opened;
    const away = { code: 'UNAVAILABLE', message: expect.stringMatching(/"a".*SlowDown, 503/) as string };
    await expect(client.put('a', Buffer.from('1'))).rejects.toMatchObject(away);
    expect(proxy.seen).toHaveLength(QUICK.attempts);
    const signal = AbortSignal.abort(new Error('no longer wanted'));
    await expect(client.put('b', Buffer.from('1'), { signal })).rejects.toThrow('no longer wanted');
    expect(proxy.seen).toHaveLength(QUICK.attempts);
  },
);

real.test('a reader that goes away in the middle of an object leaves the client as it was', async () => {
  using client = await newClient();
  const bytes = randomBytes('large', 6 * MIB);
  await client.putStream('large', inChunks(bytes, MIB), bytes.length);
  for (let time = 0; time < 3; time++) {
    const opened = await client.open('large', { start: 10 });
    for await (const chunk of opened?.body ?? []) {
      expect(
        bytes
          .subarray(10)
          .subarray(0, (chunk as Buffer).length)
          .equals(chunk as Buffer),
      ).toBe(true);
      break;
    }
  }
  expect(await client.head('large')).toMatchObject({ sizeBytes: bytes.length });
});
