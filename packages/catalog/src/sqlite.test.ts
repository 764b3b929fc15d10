import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { catalogContract } from './catalog.contract.ts';
import { candidate, digest, manifest, promotion } from './contract/samples.ts';
import { type Catalog, openCatalog, type Promotion } from './index.ts';

async function temporaryFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-catalog-'));
  const file = join(folder, 'catalog.db');
  return { folder, file, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

catalogContract('sqlite', async () => {
  const open = new AsyncDisposableStack();
  const { file } = open.use(await temporaryFolder());
  return {
    connect: async () => open.use(await openCatalog({ sqlite: { file } })),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
});

describe('the file of the catalog', () => {
  test('is for its user alone in folders that others may enter, and holds its data when it is opened again', async () => {
    await using temporary = await temporaryFolder();
    const file = join(temporary.folder, 'a', 'b', 'catalog.db');
    {
      await using catalog = await openCatalog({ sqlite: { file } });
      await catalog.manifests.put(manifest('one'));
      for (const path of [file, `${file}-wal`, `${file}-shm`]) {
        expect((await stat(path)).mode & 0o777).toBe(0o600);
      }
      for (const path of [dirname(file), dirname(dirname(file))]) {
        expect((await stat(path)).mode & 0o777).toBe(0o777 & ~process.umask());
      }
    }
    await using catalog = await openCatalog({ sqlite: { file } });
    expect(await catalog.manifests.get(digest('one'))).toEqual(manifest('one'));
  });

  test('a name that SQLite would take for something else is a file like any other', async () => {
    await using temporary = await temporaryFolder();
    const file = join(temporary.folder, 'file:x?mode=memory');
    await using catalog = await openCatalog({ sqlite: { file } });
    await catalog.manifests.put(manifest('one'));
    expect((await stat(file)).isFile()).toBe(true);
  });

  test('a path that can not hold a file is refused by the name of its setting', async () => {
    await using temporary = await temporaryFolder();
    await writeFile(temporary.file, '');
    for (const file of [temporary.folder, join(temporary.file, 'below', 'a-file.db')]) {
      await expect(openCatalog({ sqlite: { file } })).rejects.toMatchObject({
        code: 'CONFIGURATION_INVALID',
        message: expect.stringMatching(
          new RegExp(`^catalog\\.sqlite\\.file: ${RegExp.escape(file)} .*name a file`),
        ),
      });
    }
  });

  test('a file that is no database, or a damaged one, is refused and left as it is', async () => {
    await using temporary = await temporaryFolder();
    const { file } = temporary;
    await (await openCatalog({ sqlite: { file } }))[Symbol.asyncDispose]();
    const damaged = await readFile(file);
    damaged.fill(0xff, 100, 4096); // the schema behind the header
    for (const bytes of [Buffer.from('just some notes\n'.repeat(100)), damaged]) {
      await writeFile(file, bytes);
      await expect(openCatalog({ sqlite: { file } })).rejects.toMatchObject({
        code: 'CONFIGURATION_INVALID',
        message: expect.stringMatching(/^catalog\.sqlite\.file: .*damaged.*restore it from a backup/),
      });
      expect(await readFile(file)).toEqual(bytes);
    }
  });

  test('the database of another program is refused and left as it is', async () => {
    await using temporary = await temporaryFolder();
    const { file } = temporary;
    const other = new DatabaseSync(file);
    other.exec('CREATE TABLE notes (text)');
    other.close();
    const bytes = await readFile(file);
    await expect(openCatalog({ sqlite: { file } })).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringContaining('another program'),
    });
    expect(await readFile(file)).toEqual(bytes);
  });

  test('a schema that only a newer Gantry knows is refused', async () => {
    await using temporary = await temporaryFolder();
    const { file } = temporary;
    await (await openCatalog({ sqlite: { file } }))[Symbol.asyncDispose]();
    const newer = new DatabaseSync(file);
    newer.exec('PRAGMA user_version = 999');
    newer.close();
    await expect(openCatalog({ sqlite: { file } })).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringMatching(/newer Gantry .*version 999/),
    });
  });
});

describe('several processes', () => {
  test('an idempotency key makes one promotion, also when two processes ask 25 times each at once', async () => {
    await using temporary = await temporaryFolder();
    // Both also make the file at once, with nothing there before.
    const children = ['a', 'b'].map((name) => child('create', temporary.file, name));
    for (const { lines } of children) expect((await lines.next()).value).toBe('ready');
    for (const { process } of children) process.stdin?.write('go\n');
    const answers: { promotion: Promotion; created: boolean }[] = [];
    for (const { process, lines } of children) {
      answers.push(...(JSON.parse((await lines.next()).value as string) as typeof answers));
      if (process.exitCode === null) await once(process, 'exit');
      expect(process.exitCode).toBe(0);
    }
    expect(answers).toHaveLength(50);
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(answers.map((answer) => answer.promotion.id)).size).toBe(1);
    await using catalog = await openCatalog({ sqlite: { file: temporary.file } });
    expect((await catalog.promotions.list({ limit: 100 })).items).toEqual([answers[0]?.promotion]);
  }, 30_000);

  test('sequences of two processes that write at once are all different, and rise for each', async () => {
    await using temporary = await temporaryFolder();
    const { file } = temporary;
    await using catalog = await openCatalog({ sqlite: { file } });
    const { process: writer, lines } = child('write', file, 'theirs');
    const ours: number[] = [];
    for (let at = 0; at < 50; at++) {
      await lines.next(); // so that it goes on in between
      ours.push((await catalog.promotions.create(promotion(`ours${at}`))).promotion.sequence);
    }
    await killed(writer);
    expect(ours).toEqual(ours.toSorted((a, b) => a - b));
    const all = await catalog.promotions.inStates(['queued']);
    expect(new Set(all.map(({ sequence }) => sequence)).size).toBe(all.length);
    expect(all.length).toBeGreaterThan(ours.length);
  }, 30_000);

  test('after kill -9 in the midst of writing, everything that was acknowledged is there', async () => {
    await using temporary = await temporaryFolder();
    const { file } = temporary;
    for (const [round, acknowledgements] of [1, 40, 300].entries()) {
      const { process: writer, lines } = child('write', file, `r${round}-`);
      const acknowledged: string[] = [];
      for await (const line of lines) {
        acknowledged.push(line);
        if (acknowledged.length === acknowledgements) writer.kill('SIGKILL'); // what it had printed still comes
      }
      await killed(writer);
      expect(acknowledged.length).toBeGreaterThanOrEqual(acknowledgements);
      await using catalog = await openCatalog({ sqlite: { file } });
      const lost: string[] = [];
      for (const line of acknowledged) if (!(await holds(catalog, line))) lost.push(line);
      expect(lost).toEqual([]);
    }
    const database = new DatabaseSync(file);
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    database.close();
  }, 60_000);
});

test('puts made at once keep the order in which they were made', async () => {
  await using temporary = await temporaryFolder();
  await using catalog = await openCatalog({ sqlite: { file: temporary.file } });
  const moves = Array.from({ length: 50 }, (_, at) => candidate({ digest: digest(`d${at}`) }));
  await Promise.all(moves.map((move) => catalog.candidates.put(move)));
  expect(await catalog.candidates.current('app', 'latest')).toEqual(moves.at(-1));
});

/** Runs sqlite.child.ts. Its lines come whole: a last one that was cut off is left out. */
function child(command: string, file: string, argument: string) {
  const program = fileURLToPath(import.meta.resolve('./sqlite.child.ts'));
  const running = spawn(process.execPath, [program, command, file, argument], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  return { process: running, lines: createInterface(running.stdout)[Symbol.asyncIterator]() };
}

/** Kills the process, if it still runs, and waits for its end. */
async function killed(running: ChildProcess): Promise<void> {
  if (running.exitCode !== null || running.signalCode !== null) return;
  running.kill('SIGKILL');
  await once(running, 'exit');
}

/** Whether the catalog has what the child's line says was written. */
async function holds(catalog: Catalog, line: string): Promise<boolean> {
  const [what, name = ''] = line.split(' ');
  switch (what) {
    case 'manifest':
      return (await catalog.manifests.get(digest(name)))?.digest === digest(name);
    case 'candidate':
      return (await catalog.candidates.current('app', name))?.digest === digest(name);
    default:
      return (await catalog.promotions.get(name))?.id === name;
  }
}
