import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';
import { Database } from './database.ts';
import { until } from '../until.fixture.ts';
import { openDatabase } from './open-database.ts';

/** A database of its own with a table of words, and a second connection to it. */
async function words() {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-catalog-'));
  const file = join(folder, 'catalog.db');
  const database = await openDatabase(file, (open) => open);
  await database.write(() => database.prepare('CREATE TABLE words (word TEXT UNIQUE)').run());
  const other = new DatabaseSync(file, { timeout: 0 });
  return {
    database,
    other,
    list: () =>
      other
        .prepare('SELECT word FROM words ORDER BY rowid')
        .all()
        .map((row) => row['word']),
    async [Symbol.asyncDispose]() {
      await database.close();
      other.close();
      await rm(folder, { recursive: true });
    },
  };
}

const insert = (database: Database, word: string) => () =>
  database.prepare('INSERT INTO words VALUES (?)').run(word);

test('checkpoints wait for the disk', async () => {
  await using at = await words();
  const setting = (name: string) => at.database.prepare(`PRAGMA ${name}`).get()?.[name];
  expect(setting('journal_mode')).toBe('wal');
  expect(setting('synchronous')).toBe(1); // NORMAL: commits wait too, but in the thread pool
});

/** A second database in the file, with a log that answers when the test lets it. */
function withSlowLog(file: string) {
  const syncs: PromiseWithResolvers<void>[] = [];
  const sqlite = new DatabaseSync(file, { timeout: 0 });
  const log = {
    sync() {
      const sync = Promise.withResolvers<void>();
      syncs.push(sync);
      return sync.promise;
    },
    close: async () => undefined,
  };
  return { database: new Database(sqlite, file, 1000, log), syncs };
}

test('a write is acknowledged when the log is on the disk, and those made meanwhile share the next sync', async () => {
  await using at = await words();
  const { database, syncs } = withSlowLog(at.database.file);
  const acknowledged: string[] = [];
  const add = (word: string) => database.write(insert(database, word)).then(() => acknowledged.push(word));
  const first = add('a');
  await until('the first sync of the log', () => syncs.length === 1);
  expect(at.list()).toEqual(['a']); // a read may see it before
  const others = Promise.all([add('b'), add('c')]);
  await nextTurn();
  expect(acknowledged).toEqual([]);
  syncs[0]?.resolve();
  await first;
  expect(acknowledged).toEqual(['a']);
  await until('the second sync of the log', () => syncs.length === 2);
  syncs[1]?.resolve();
  await others;
  expect(acknowledged).toEqual(['a', 'b', 'c']);
  expect(syncs).toHaveLength(2);
  await database.close();
});

test('a log that can not be made durable fails the writes that it would have held, not the next', async () => {
  await using at = await words();
  const { database, syncs } = withSlowLog(at.database.file);
  const lost = database.write(insert(database, 'a'));
  await until('the first sync of the log', () => syncs.length === 1);
  syncs[0]?.reject(new Error('EIO: i/o error, fdatasync'));
  await expect(lost).rejects.toMatchObject({ code: 'UNAVAILABLE', details: { file: database.file } });
  const next = database.write(insert(database, 'b'));
  await until('the second sync of the log', () => syncs.length === 2);
  syncs[1]?.resolve();
  await next;
  await database.close();
});

test('writes of one turn share a transaction, and none is acknowledged before it is committed', async () => {
  await using at = await words();
  const version = () => at.other.prepare('PRAGMA data_version').get()?.['data_version'] as number;
  const before = version();
  const seen: unknown[] = [];
  await Promise.all(
    ['a', 'b', 'c'].map(async (word) => {
      await at.database.write(insert(at.database, word));
      seen.push(at.list());
    }),
  );
  expect(seen).toEqual([
    ['a', 'b', 'c'],
    ['a', 'b', 'c'],
    ['a', 'b', 'c'],
  ]);
  expect(version()).toBe(before + 1); // changed by others once
});

test('a write that fails is undone whole, and its neighbours are not touched', async () => {
  await using at = await words();
  const { database } = at;
  const answers = await Promise.allSettled([
    database.write(insert(database, 'a')),
    database.write(() => {
      insert(database, 'half')();
      throw new Error('no');
    }),
    database.write(() => {
      insert(database, 'half')();
      insert(database, 'a')();
    }),
    database.write(insert(database, 'b')),
  ]);
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
  expect(answers[1]).toMatchObject({ reason: new Error('no') });
  expect(answers[2]).toMatchObject({ reason: { message: expect.stringContaining('UNIQUE') } });
  expect(at.list()).toEqual(['a', 'b']);
});

test('a disk that is full fails the write that needs more of it, by name, and the rest goes on', async () => {
  await using at = await words();
  const { database } = at;
  const pages = database.prepare('PRAGMA page_count').get()?.['page_count'] as number;
  database.prepare(`PRAGMA max_page_count = ${pages + 2}`).get();
  const answers = await Promise.allSettled([
    database.write(insert(database, 'a')),
    database.write(insert(database, 'long'.repeat(100_000))),
    database.write(insert(database, 'b')),
  ]);
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(answers[1]).toMatchObject({
    reason: { code: 'STORAGE_FULL', message: expect.stringContaining(database.file) },
  });
  await database.write(insert(database, 'c'));
  expect(at.list()).toEqual(['a', 'b', 'c']);
});

test('a transaction that is lost as a whole is made again, each write alone', async () => {
  await using at = await words();
  const { database } = at;
  const runs: string[] = [];
  const writes = ['a', 'spoiler', 'b'].map((word) =>
    database.write(() => {
      runs.push(word);
      insert(database, word)();
      // as SQLite itself does at some failures of the disk
      if (word === 'spoiler') database.prepare('ROLLBACK').run();
    }),
  );
  const later = database.write(insert(database, 'c'));
  expect((await Promise.allSettled(writes)).map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
  ]);
  await later;
  expect(runs).toEqual(['a', 'spoiler', 'a', 'spoiler', 'b']);
  expect(at.list()).toEqual(['a', 'b', 'c']);
});

test('a commit that fails acknowledges nothing; then each write is made again, alone', async () => {
  await using at = await words();
  const { database } = at;
  database.prepare('PRAGMA foreign_keys = ON').run();
  await database.write(() => {
    // a constraint that is looked at by the commit only
    const known = 'REFERENCES words (word) DEFERRABLE INITIALLY DEFERRED';
    database.prepare(`CREATE TABLE phrases (word TEXT ${known})`).run();
  });
  const phrase = (word: string) =>
    database.write(() => database.prepare('INSERT INTO phrases VALUES (?)').run(word));
  const answers = await Promise.allSettled([
    database.write(insert(database, 'a')),
    phrase('a'),
    phrase('unknown'),
    database.write(insert(database, 'b')),
  ]);
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect(answers[2]).toMatchObject({ reason: { message: expect.stringContaining('FOREIGN KEY') } });
  expect(at.list()).toEqual(['a', 'b']);
  expect(at.other.prepare('SELECT * FROM phrases').all()).toEqual([{ word: 'a' }]);
});

test('a write waits for the lock of another process, and the event loop goes on meanwhile', async () => {
  await using at = await words();
  at.other.exec('BEGIN IMMEDIATE');
  let done = false;
  const first = Promise.allSettled([
    at.database.write(insert(at.database, 'a')).finally(() => (done = true)),
  ]);
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve));
  expect(done).toBe(false);
  expect(await at.database.read(() => at.database.prepare('SELECT * FROM words').all())).toEqual([]);
  const second = at.database.write(insert(at.database, 'b'));
  at.other.exec('COMMIT');
  await Promise.all([first, second]);
  expect(at.list()).toEqual(['a', 'b']);
});

test('a lock that stays fails what waits for it, and later writes go through', async () => {
  await using at = await words();
  const sqlite = new DatabaseSync(at.database.file, { timeout: 0 });
  const hasty = new Database(sqlite, at.database.file, 20);
  at.other.exec('BEGIN IMMEDIATE');
  const answers = await Promise.allSettled(['a', 'b'].map((word) => hasty.write(insert(hasty, word))));
  const refused = {
    status: 'rejected',
    reason: { code: 'UNAVAILABLE', message: expect.stringContaining('locked') },
  };
  expect(answers).toMatchObject([refused, refused]);
  at.other.exec('COMMIT');
  await hasty.write(insert(hasty, 'c'));
  await hasty.close();
  expect(at.list()).toEqual(['c']);
});

test('closing ends the writes that were asked for; later calls are refused', async () => {
  await using at = await words();
  const { database } = at;
  const writes = Promise.all(['a', 'b'].map((word) => database.write(insert(database, word))));
  await database.close();
  await writes;
  expect(at.list()).toEqual(['a', 'b']);
  await expect(database.write(() => 1)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(database.read(() => 1)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});
