import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, utimes } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { Fault } from '@gantry/oci';
import { openStore } from '@gantry/store';
import { createS3Client } from '@gantry/store/s3';
import { type Mischief, startFaultyS3 } from '../servers/faulty-s3.ts';
import { needs } from '../servers/parts.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';
import { startVersitygw, type Versitygw } from '../servers/versitygw.ts';
import { isWhole, put, sample, startChild, throwUploadsAway } from './blobs-in-s3.ts';

/** The blob store in S3 on a real server, while things go wrong. */
const real = needs('versitygw').showing(() => (server === undefined ? [] : [server]));
const MIB = 1024 * 1024;
/** Two days and more: an upload is abandoned after one. */
const LONG_AGO_S = Date.now() / 1000 - 50 * 3600;

let server: Versitygw;
let buckets = 0;
real.beforeAll(async () => {
  server = await startVersitygw();
});
real.afterAll(async () => {
  await server?.stop();
});

const newBucket = () => server.makeBucket(`bucket-${buckets++}`);

const KINDS: readonly Mischief[] = [
  'slow down',
  'internal error',
  'cut the request',
  'damage the request',
  'lose the answer',
  'cut the answer',
];

real.test(
  'a server that throttles, cuts, damages and loses answers: every blob is there in the end, and whole',
  async () => {
    const s3 = await newBucket();
    // Requests that bring bytes have turns of their own, so that each kind befalls some, in whatever order they come.
    const turns = { put: 0, other: 0 };
    const others = KINDS.filter((kind) => kind !== 'damage the request');
    await using proxy = await startFaultyS3(server.url, ({ method, repetition }) => {
      if (repetition % 2 !== 1) return undefined;
      return method === 'PUT' ? KINDS[turns.put++ % KINDS.length] : others[turns.other++ % others.length];
    });
    await using store = await openStore({ s3: { ...s3, endpoint: proxy.url } });
    const blobs = Array.from({ length: 12 }, (_, number) => sample(`faulty ${number}`, 1 + number * MIB));
    await Promise.all(blobs.map(({ bytes, digest }) => put(store, bytes, digest)));
    for (const { bytes, digest } of blobs) {
      expect(await store.stat(digest)).toEqual({ size: bytes.length });
      expect(await isWhole(store, bytes, digest)).toBe(true);
    }
    const listed = new Set(await Array.fromAsync(store.list(), ({ digest }) => digest));
    expect(listed).toEqual(new Set(blobs.map(({ digest }) => digest)));
    expect(new Set(proxy.seen.map(({ mischief }) => mischief))).toEqual(new Set([...KINDS, undefined]));
  },
  120_000,
);

real.test(
  'a server that is killed in the middle of an upload and comes back is gone on with',
  async () => {
    await using opened = new AsyncDisposableStack();
    const own = opened.use(await startVersitygw());
    const store = opened.use(await openStore({ s3: await own.makeBucket('killed') }));
    const { bytes, digest } = sample('killed', 22 * MIB);
    await using writer = await store.write(digest, bytes.length);
    await writer.append(bytes.subarray(0, 11 * MIB));
    const back = own.restart('SIGKILL');
    await writer.append(bytes.subarray(11 * MIB));
    await writer.commit();
    await back;
    expect(await isWhole(store, bytes, digest)).toBe(true);
  },
  60_000,
);

real.test(
  'a process that is killed in the middle of an upload leaves nothing to be seen; the next one writes the blob',
  async () => {
    const s3 = await newBucket();
    const { bytes, digest } = sample('killed', 22 * MIB);
    const child = startChild(
      s3,
      `const writer = await store.write('${digest}', ${bytes.length});
    await writer.append(Buffer.alloc(${12 * MIB}));
    say('on its way');
    setInterval(() => undefined, 1000);`,
    );
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        expect(line).toBe('on its way');
        break;
      }
      // Its parts are sent beside: they are there when the server has them as files.
      const uploads = path.join(server.data, s3.bucket, '.sgwtmp/multipart');
      const filesOf = async () =>
        (await readdir(uploads, { recursive: true })).map((name) => path.join(uploads, name));
      await until(
        'two parts to be there',
        async () => (await filesOf()).filter((file) => /\/[12]$/.test(file)).length === 2,
      );
      child.kill('SIGKILL');
      await once(child, 'exit');

      await using store = await openStore({ s3 });
      expect(await store.stat(digest)).toBeUndefined();
      await put(store, bytes, digest);
      expect(await isWhole(store, bytes, digest)).toBe(true);
      // What was left is thrown away when nothing has moved in it for a day, and a store is opened.
      const left = await filesOf();
      expect(left.filter((file) => /\/[12]$/.test(file))).toHaveLength(2);
      await store[Symbol.asyncDispose]();
      for (const file of left) await utimes(file, LONG_AGO_S, LONG_AGO_S);
      await using again = await openStore({ s3 });
      await until('the upload to be gone', async () =>
        (await filesOf()).every((file) => !/\/[12]$/.test(file)),
      );
      expect(await isWhole(again, bytes, digest)).toBe(true);
    } finally {
      child.kill('SIGKILL');
    }
  },
  60_000,
);

real.test('an upload in which something moves is not abandoned, however long ago it began', async () => {
  const s3 = await newBucket();
  await using store = await openStore({ s3 });
  const { bytes, digest } = sample('slow', 12 * MIB);
  await using writer = await store.write(digest, bytes.length);
  await writer.append(bytes);
  using client = await createS3Client(s3);
  const uploads = path.join(server.data, s3.bucket, '.sgwtmp/multipart');
  await until('its parts to be there', async () => (await readdir(uploads, { recursive: true })).length >= 5);
  const [key = ''] = await readdir(uploads);
  const [upload = ''] = await readdir(path.join(uploads, key));
  await utimes(path.join(uploads, key, upload), LONG_AGO_S, LONG_AGO_S);
  expect(await client.removeAbandonedUploads('blobs/', 24 * 3600 * 1000)).toBe(0);
  await writer.commit();
  expect(await isWhole(store, bytes, digest)).toBe(true);
});

real.test('a key that may not list uploads serves all the same, and it is told', async () => {
  const s3 = await newBucket();
  await using proxy = await startFaultyS3(server.url, ({ query }) =>
    query.has('uploads') ? 'access denied' : undefined,
  );
  const told: Fault[] = [];
  const onTrouble = (fault: Fault) => told.push(fault);
  await using store = await openStore({ s3: { ...s3, endpoint: proxy.url } }, { onTrouble });
  const { bytes, digest } = sample('served', 1000);
  await put(store, bytes, digest);
  expect(await isWhole(store, bytes, digest)).toBe(true);
  await until('it to be told', () => told.length > 0);
  expect(told).toMatchObject([
    {
      code: 'CONFIGURATION_INVALID',
      message: expect.stringMatching(/could not list unfinished uploads in .*access is denied/) as string,
    },
  ]);
});

real.test(
  'a blob of 512 MiB goes in, and comes out, in less than 250 MB of memory each',
  async () => {
    const s3 = await newBucket();
    const run = async (script: string) => {
      const child = startChild(
        s3,
        `const size = ${512 * MIB};
      const chunk = Buffer.alloc(65_536);
      const numbered = (at) => chunk.fill(String(at));
      const hash = createHash('sha256');
      for (let at = 0; at < size; at += 65_536) hash.update(numbered(at));
      const digest = 'sha256:' + hash.digest('hex');
      ${script}
      say(peakMemoryBytes());
      await store[Symbol.asyncDispose]();`,
      );
      const [said, peak] = (await text(child.stdout)).split('\n');
      expect(Number(peak)).toBeLessThan(250_000_000);
      return said;
    };
    const written = await run(`
    const writer = await store.write(digest, size);
    for (let at = 0; at < size; at += 65_536) await writer.append(numbered(at));
    await writer.commit();
    say(JSON.stringify(await store.stat(digest)));`);
    expect(written).toBe(JSON.stringify({ size: 512 * MIB }));
    const read = await run(`
    const came = createHash('sha256');
    for await (const piece of await store.open(digest)) {
      came.update(piece);
      piece.buffer.transfer(0); // as whoever streams much does: the garbage collector is in no hurry
    }
    say('sha256:' + came.digest('hex') === digest);`);
    expect(read).toBe('true');
  },
  120_000,
);

// oxlint-disable jest/no-standalone-expect -- the rule can't see that this is a test
needs('versitygw', 'tmpfs').test(
  'a server whose disk is full is a fault that says so; the space is free again',
  async () => {
    await using opened = new AsyncDisposableStack();
    const folder = opened.use(await temporaryFolder('full')).path;
    const disk = path.join(folder, 'disk');
    await mkdir(disk);
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'none', disk]).status).toBe(0);
    opened.defer(() => void spawnSync('umount', [disk]));
    const own = opened.use(await startVersitygw(disk));
    const s3 = await own.makeBucket('full');
    const store = opened.use(await openStore({ s3 }));
    const { bytes, digest } = sample('full', 40 * MIB);
    await expect(put(store, bytes, digest)).rejects.toMatchObject({
      code: 'STORAGE_FULL',
      message: expect.stringContaining('"full"') as string,
    });
    expect(await store.stat(digest)).toBeUndefined();
    expect(await throwUploadsAway(s3)).toBe(0);
    const small = sample('small', 6 * MIB);
    await put(store, small.bytes, small.digest);
    expect(await isWhole(store, small.bytes, small.digest)).toBe(true);
  },
  60_000,
);
