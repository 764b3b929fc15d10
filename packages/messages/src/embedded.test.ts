import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import type { FaultCode } from '@gantry/oci';
import { openEmbeddedMessages } from './embedded.ts';
import { collector, event } from './contract/deliveries.ts';
import { messagesContract } from './messages.contract.ts';
import { DELIVERY_LIMIT } from './messages.ts';

const soon = { pauseMs: () => 20 };

messagesContract('The embedded queues', async () => {
  const place = await temporary();
  let messages = await openEmbeddedMessages(place, soon);
  return {
    messages,
    reopen: async () => {
      await messages[Symbol.asyncDispose]();
      messages = await openEmbeddedMessages(place, soon);
      return messages;
    },
    [Symbol.asyncDispose]: async () => {
      await messages[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
});

/** A folder for one test; the file's own folder in it is not made yet. */
async function temporary(): Promise<{ folder: string; file: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-messages-'));
  return {
    folder,
    file: join(folder, 'data', 'messages.db'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

const MODULE = JSON.stringify(import.meta.resolve('./embedded.ts'));

/** Runs a script in another process, with `messages` open, `event(id)` to make one and `say` to print a line. */
function startChild(file: string, timing: object, script: string) {
  const source = `
    import { openEmbeddedMessages } from ${MODULE};
    const say = (line) => process.stdout.write(line + '\\n');
    const event = (id) => ({ specversion: '1.0', id, source: '/child', type: 'test', data: null });
    const messages = await openEmbeddedMessages({ file: ${JSON.stringify(file)} }, ${JSON.stringify(timing)});
    ${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    nextLine: async () => {
      const { value, done } = await lines.next();
      if (done === true) throw new Error('the child ended');
      return value;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** Takes a message and never ends. */
const HOLD = `await messages.consume('q', ({ event }) => { say(event.id); return new Promise(() => {}); });`;

describe('The embedded queues', () => {
  test('the file and its log are readable for their owner alone, in a folder that others may enter', async () => {
    await using place = await temporary();
    await using messages = await openEmbeddedMessages(place);
    await messages.send('q', 'key', event('1'));
    for (const path of [place.file, `${place.file}-wal`]) expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(place.file))).mode & 0o777).toBe(0o777 & ~process.umask());
    expect((await stat(`${place.file}-sessions`)).mode & 0o777).toBe(0o700);
  });

  test('a message of a process that was killed while handling it comes again at the next start, at once', async () => {
    await using place = await temporary();
    await using messages = await openEmbeddedMessages(place);
    await messages.send('q', 'key', event('1'));
    const child = startChild(place.file, {}, HOLD);
    await child.nextLine();
    expect(await messages.depth('q')).toEqual({ ready: 0, unacknowledged: 1, dead: 0 });
    await child.kill();
    await using next = await openEmbeddedMessages(place); // the lease has not run out: it is half a minute
    const seen = collector(1);
    await next.consume('q', seen.handle);
    expect(await seen.all).toMatchObject([{ event: { id: '1' }, attempt: 2 }]);
    expect(await readdir(`${place.file}-sessions`)).toHaveLength(2); // the two that are open
  }, 20_000);

  test('a process that runs on is given what a killed one had, once the lease is over', async () => {
    await using place = await temporary();
    const timing = { leaseMs: 300 };
    await using messages = await openEmbeddedMessages(place, timing);
    await messages.send('q', 'key', event('1'));
    const child = startChild(place.file, timing, HOLD);
    await child.nextLine();
    const seen = collector(1);
    await messages.consume('q', seen.handle);
    await child.kill();
    expect(await seen.all).toMatchObject([{ event: { id: '1' }, attempt: 2 }]);
  }, 20_000);

  test('a process that lives keeps what it handles, also past the first lease and when others start', async () => {
    await using place = await temporary();
    const timing = { leaseMs: 1500 };
    await using messages = await openEmbeddedMessages(place, timing);
    await messages.send('q', 'key', event('held'));
    const child = startChild(place.file, timing, HOLD);
    await child.nextLine();
    await using next = await openEmbeddedMessages(place, timing);
    const handled: string[] = [];
    await next.consume('q', async (delivery) => void handled.push(delivery.event.id));
    const threeLeases = performance.now() + 3 * timing.leaseMs;
    for (let n = 0; performance.now() < threeLeases; n++) {
      const seen = collector(1);
      const pace = await next.consume('pace', seen.handle);
      await messages.send('pace', 'key', event(String(n)));
      await seen.all;
      await pace[Symbol.asyncDispose]();
    }
    expect(handled).toEqual([]);
    expect(await messages.depth('q')).toEqual({ ready: 0, unacknowledged: 1, dead: 0 });
    await child.kill();
  }, 20_000);

  test(`a message that kills its process is parked after ${DELIVERY_LIMIT} times`, async () => {
    await using place = await temporary();
    {
      await using messages = await openEmbeddedMessages(place);
      await messages.send('q', 'key', event('deadly'));
    }
    for (let n = 0; n < DELIVERY_LIMIT; n++) {
      const child = startChild(place.file, {}, HOLD);
      expect(await child.nextLine()).toBe('deadly');
      await child.kill();
    }
    await using messages = await openEmbeddedMessages(place);
    await messages.send('q', 'key', event('next'));
    const errors: unknown[] = [];
    const seen = collector(1);
    await messages.consume('q', seen.handle, {
      onError: (error) => errors.push(error),
    });
    expect(await seen.all).toMatchObject([{ event: { id: 'next' } }]);
    expect(errors).toMatchObject([
      { message: expect.stringContaining('died each of the 5 times') as string },
    ]);
    expect((await messages.depth('q')).dead).toBe(1);
  }, 30_000);

  test('what send has promised is there, whenever the process is killed', async () => {
    await using place = await temporary();
    const promised: string[] = [];
    for (let round = 0; round < 3; round++) {
      const child = startChild(
        place.file,
        {},
        `for (let n = 0; ; n++) {
           await Promise.all([0, 1, 2].map(async (part) => {
             const id = ['${round}', n, part].join('.');
             await messages.send('q', 'key', event(id));
             say(id);
           }));
         }`,
      );
      const enough = promised.length + 10 + Math.floor(Math.random() * 50);
      while (promised.length < enough) promised.push(await child.nextLine());
      await child.kill();
    }
    await using messages = await openEmbeddedMessages(place);
    const { ready } = await messages.depth('q');
    const seen = collector(ready);
    await messages.consume('q', seen.handle, { prefetch: 100 });
    const found = new Set((await seen.all).map((delivery) => delivery.event.id));
    expect(promised.filter((id) => !found.has(id))).toEqual([]);
    expect(found.size).toBe(ready);
  }, 30_000);

  test('a message that another opener of the file sends is noticed', async () => {
    await using place = await temporary();
    await using one = await openEmbeddedMessages(place, { pollMs: 10 });
    await using other = await openEmbeddedMessages(place, { pollMs: 10 });
    const seen = collector(3);
    await one.consume('q', seen.handle);
    for (const id of ['a', 'b', 'c']) await other.send('q', 'key', event(id));
    expect((await seen.all).map((delivery) => delivery.event.id)).toEqual(['a', 'b', 'c']);
  });

  test('a message that waits for its next attempt does so across a start', async () => {
    await using place = await temporary();
    const failed = Promise.withResolvers<void>();
    {
      await using messages = await openEmbeddedMessages(place, { pauseMs: () => 200 });
      await messages.send('q', 'key', event('1'));
      await messages.consume(
        'q',
        async () => {
          throw new Error('not yet');
        },
        { onError: () => failed.resolve() },
      );
      await failed.promise;
    }
    await using messages = await openEmbeddedMessages(place, { pauseMs: () => 200 });
    const seen = collector(1);
    await messages.consume('q', seen.handle);
    expect((await seen.all)[0]?.attempt).toBe(2);
  });

  test('several openers of a new file make it once', async () => {
    await using place = await temporary();
    const opened = await Promise.all([1, 2, 3, 4].map(() => openEmbeddedMessages(place)));
    await Promise.all(opened.map((messages, n) => messages.send('q', 'key', event(String(n)))));
    expect((await opened[0]?.depth('q'))?.ready).toBe(4);
    await Promise.all(opened.map((messages) => messages[Symbol.asyncDispose]()));
    expect(await readdir(`${place.file}-sessions`)).toEqual([]);
  });

  test('a file that can not be used is a fault that names the key, the file and what is wrong', async () => {
    await using place = await temporary();
    const at = (name: string) => join(place.folder, name);
    await mkdir(at('folder'));
    await writeFile(
      at('text'),
      'these are not the bytes of a database, whatever they are, for sure\n'.repeat(20),
    );
    await symlink(at('nowhere'), at('link'));
    using foreign = new DatabaseSync(at('foreign'));
    foreign.exec('CREATE TABLE manifests (digest TEXT)');
    using newer = new DatabaseSync(at('newer'));
    newer.exec('PRAGMA application_id = 0x476d7367; PRAGMA user_version = 1000');
    for (const [file, why] of [
      [at('folder'), 'EISDIR'],
      [at('text'), 'not a database'],
      [join(at('text'), 'messages.db'), 'is not a folder'],
      [join(at('link'), 'messages.db'), 'ENOENT'],
      ['/proc/gantry/messages.db', 'ENOENT'],
      [at('foreign'), 'something else'],
      [at('newer'), 'newer Gantry'],
    ] as const) {
      const opened = openEmbeddedMessages({ file });
      await expect(opened).rejects.toMatchObject(fault('CONFIGURATION_INVALID', 'messages.embedded.file'));
      await expect(opened).rejects.toMatchObject(fault('CONFIGURATION_INVALID', file));
      await expect(opened).rejects.toMatchObject(fault('CONFIGURATION_INVALID', why));
    }
  });
});

/** A file system of 2 MiB of its own; undefined where that can't be mounted. */
async function smallDisk(): Promise<({ folder: string } & AsyncDisposable) | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-small-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', folder]).status === 0;
  const disk = {
    folder,
    [Symbol.asyncDispose]: async () => {
      if (mounted) spawnSync('umount', [folder]);
      await rm(folder, { recursive: true });
    },
  };
  if (mounted) return disk;
  await disk[Symbol.asyncDispose]();
  return undefined;
}

const probe = await smallDisk();
await probe?.[Symbol.asyncDispose]();
// oxlint-disable-next-line jest/no-disabled-tests -- mounting is a right that not everybody has
const onSmallDisk = probe === undefined ? test.skip : test;

// oxlint-disable jest/no-standalone-expect -- the rule can't see that this is a test
onSmallDisk(
  'on a full disk (a tmpfs that the test mounts) send fails by name, and what was sent before is kept',
  async () => {
    await using disk = await smallDisk();
    if (disk === undefined) throw new Error('the tmpfs could not be mounted again');
    const file = join(disk.folder, 'messages.db');
    await using messages = await openEmbeddedMessages({ file });
    await messages.send('q', 'key', event('before'));
    const large = { ...event('large'), data: 'x'.repeat(3_000_000) };
    await expect(messages.send('q', 'key', large)).rejects.toMatchObject(fault('STORAGE_FULL', file));
    await messages.send('q', 'key', event('after'));
    const seen = collector(2);
    await messages.consume('q', seen.handle);
    expect((await seen.all).map((delivery) => delivery.event.id)).toEqual(['before', 'after']);
  },
);

/** What a fault of this code looks like whose message names something. */
function fault(code: FaultCode, named: string): object {
  return { code, message: expect.stringContaining(named) as string };
}
