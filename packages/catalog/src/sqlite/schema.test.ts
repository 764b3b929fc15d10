import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { candidate, channelTag, digest, manifest, time } from '../contract/samples.ts';
import { type Candidate, openCatalog } from '../index.ts';
import { MIGRATIONS } from './migrations.ts';
import { migrate, mustBeOurs } from './schema.ts';
import { STORED } from './stored-nouns.ts';

const one = 'CREATE TABLE one (text)';
const two = "ALTER TABLE one ADD COLUMN more TEXT DEFAULT 'new'";
const broken = 'CREATE TABLE three (text); CREATE TABLE one (text)';
const version = (sqlite: DatabaseSync) => sqlite.prepare('PRAGMA user_version').get()?.['user_version'];

test('an empty file is brought to the newest schema, and again changes nothing', () => {
  using sqlite = new DatabaseSync(':memory:');
  expect(version(sqlite)).toBe(0);
  mustBeOurs(sqlite, 'f');
  migrate(sqlite, 'f');
  expect(version(sqlite)).toBe(MIGRATIONS.length);
  sqlite.exec("INSERT INTO manifests VALUES ('d', '{}')");
  mustBeOurs(sqlite, 'f');
  migrate(sqlite, 'f');
  expect(sqlite.prepare('SELECT digest FROM manifests').all()).toHaveLength(1);
});

test('each version is brought forward by the steps that it lacks, and keeps its rows', () => {
  using sqlite = new DatabaseSync(':memory:');
  migrate(sqlite, 'f', [one]);
  sqlite.exec("INSERT INTO one VALUES ('kept')");
  migrate(sqlite, 'f', [one, two]);
  expect(version(sqlite)).toBe(2);
  expect({ ...sqlite.prepare('SELECT * FROM one').get() }).toEqual({ text: 'kept', more: 'new' });
});

test('what names a digest is known of all that was there before it was kept', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-catalog-'));
  const file = join(folder, 'catalog.db');
  const wanted = digest('wanted');
  {
    using sqlite = new DatabaseSync(file);
    migrate(sqlite, file, MIGRATIONS.slice(0, 3));
    const index = manifest('index', {
      manifests: [wanted],
      blobs: [{ digest: wanted, size: 1 }],
      subject: wanted,
    });
    insert(sqlite, 'manifests', index);
    insertCandidate(sqlite, candidate({ companions: [{ tag: 'x', digest: wanted }] }));
    insert(sqlite, 'channels', channelTag({ referrers: [wanted] }));
  }
  {
    await using catalog = await openCatalog({ sqlite: { file } });
    const page = { limit: 10 };
    expect((await catalog.manifests.naming(wanted, page)).items.map(({ as }) => as)).toEqual([
      'blob',
      'manifest',
      'subject',
    ]);
    expect((await catalog.candidates.holding(wanted, page)).items).toHaveLength(1);
    expect((await catalog.candidates.holding(digest('one'), page)).items).toHaveLength(1);
    expect((await catalog.channels.holding(wanted, page)).items).toHaveLength(1);
  }
  await rm(folder, { recursive: true });
});

test('what a file of version 4 holds is neither condemned nor given up, and can be', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-catalog-'));
  const file = join(folder, 'catalog.db');
  {
    using sqlite = new DatabaseSync(file);
    migrate(sqlite, file, MIGRATIONS.slice(0, 4));
    for (const tag of ['a', 'b']) insertCandidate(sqlite, candidate({ tag }));
    sqlite.exec("INSERT INTO pool VALUES ('main', 'pool/a', 1, 'x', 1)");
  }
  {
    await using catalog = await openCatalog({ sqlite: { file } });
    const listed = async () => (await catalog.candidates.list({ limit: 10 })).items.map(({ tag }) => tag);
    expect(await listed()).toEqual(['b', 'a']);
    await catalog.candidates.collect([candidate({ tag: 'b' })], time(1));
    expect(await listed()).toEqual(['a']);
    expect(await catalog.candidates.byDigest('app', digest('one'))).toEqual(candidate({ tag: 'a' }));
    expect(await Array.fromAsync(catalog.pool.list('main'))).toEqual([
      { path: 'pool/a', size: 1, sha256: 'x', since: 1 },
    ]);
    await catalog.pool.condemn('main', ['pool/a'], time(1));
    expect(await catalog.pool.condemned('main', time(1), 10)).toHaveLength(1);
  }
  await rm(folder, { recursive: true });
});

test('steps of which one fails leave the file as it was', () => {
  using sqlite = new DatabaseSync(':memory:');
  migrate(sqlite, 'f', [one]);
  expect(() => migrate(sqlite, 'f', [one, two, broken])).toThrow('already exists');
  expect(version(sqlite)).toBe(1);
  expect(sqlite.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()).toHaveLength(1);
  expect(sqlite.prepare('SELECT * FROM one').columns()).toHaveLength(1);
});

test('a version above those that are known is refused, never lowered', () => {
  using sqlite = new DatabaseSync(':memory:');
  migrate(sqlite, 'f', [one, two]);
  for (const refuse of [mustBeOurs, migrate]) {
    expect(() => refuse(sqlite, 'f', [one])).toThrow(
      expect.objectContaining({
        code: 'CONFIGURATION_INVALID',
        message: expect.stringContaining('newer Gantry'),
      }),
    );
  }
  expect(version(sqlite)).toBe(2);
});

test('a database that is not ours is told by its mark, also an empty one with another mark', () => {
  using tables = new DatabaseSync(':memory:');
  tables.exec('CREATE TABLE notes (text)');
  using marked = new DatabaseSync(':memory:');
  marked.exec('PRAGMA application_id = 1');
  for (const sqlite of [tables, marked]) {
    expect(() => mustBeOurs(sqlite, 'f')).toThrow(
      expect.objectContaining({ message: expect.stringContaining('another program') }),
    );
  }
});

function insert(sqlite: DatabaseSync, noun: 'manifests' | 'channels', record: object): void {
  sqlite.prepare(STORED[noun].insert).run(...STORED[noun].values(record as never));
}

/** As it stood until version 4. */
function insertCandidate(sqlite: DatabaseSync, record: Candidate): void {
  const { source, sourceRepository, repository, tag, digest: own, syncedAt } = record;
  sqlite
    .prepare(
      `INSERT INTO candidates (source, source_repository, repository, tag, digest, synced_at, document)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(source, sourceRepository, repository, tag, own, syncedAt, JSON.stringify(record));
}
