import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { digestOf } from '@gantry/oci';
import {
  blobPath,
  directoryTree,
  encodeStatement,
  formatList,
  fullListPath,
  layTree,
  listPath,
  openTree,
  POINTER_PATH,
} from '@gantry/tree';
import { needs } from '../servers/parts.ts';
import { attempt, run } from '../servers/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

/**
 * scripts/mirror/gantry-filelist writes what quick-fedora-mirror's create-filelist writes: sections, in `[Files]` rows of
 * time, type, size and path with tabs between, in `[Checksums SHA1]` as sha1sum has them, and `[End]` last.
 */

const SCRIPT = fileURLToPath(new URL('../../scripts/mirror/gantry-filelist', import.meta.url));
const FIRST = Date.parse('2026-02-28T23:59:59Z');
const SECOND = Date.parse('2026-03-01T00:00:00Z');
const THIRD = Date.parse('2028-02-29T12:34:56Z');
const [ONE, TWO] = [Buffer.from('layer one'), Buffer.from('and two')];
const app = (blobs: Buffer[]) => ({ repositories: [{ name: 'app', tags: {}, blobs }] });

let folder: TemporaryFolder;
const at = (name: string) => path.join(folder.path, name);
beforeEach(async () => {
  folder = await temporaryFolder('filelist');
});
afterEach(() => folder[Symbol.asyncDispose]());

interface Row {
  readonly timeS: number;
  readonly type: string;
  readonly size: number;
}

async function read(file: string) {
  const text = await readFile(file, 'utf8');
  const sections = new Map(
    text.split('\n\n').map((section) => {
      const [title = '', ...lines] = section.trim().split('\n');
      return [title, lines] as const;
    }),
  );
  const rows = new Map(
    sections.get('[Files]')?.map((line): [string, Row] => {
      const [time, type = '', size, name = '', ...rest] = line.split('\t');
      expect(rest).toEqual([]);
      return [name, { timeS: Number(time), type, size: Number(size) }];
    }),
  );
  return { text, sections, rows };
}

const seconds = (ms: number) => ms / 1000;
const list = (...words: string[]) => attempt('sh', [SCRIPT, ...words]);

test('all files and folders stand in it, with sizes, and with the time of the serial that brought them', async () => {
  await layTree(at('tree'), { ...app([ONE]), publishedMs: FIRST });
  await layTree(at('tree'), { ...app([ONE, TWO]), publishedMs: SECOND });
  expect(await list(at('tree'))).toEqual({ code: 0, stdout: '', stderr: '' });
  const { text, sections, rows } = await read(at('fullfiletimelist-gantry'));
  expect([...sections.keys()]).toEqual(['[Version]', '[Files]', '[Checksums SHA1]', '[End]']);
  expect(text).toMatch(/\n\n\[End\]\n$/);
  expect(rows.get(blobPath(digestOf(ONE)))).toEqual({ timeS: seconds(FIRST), type: 'f', size: ONE.length });
  expect(rows.get(blobPath(digestOf(TWO)))).toEqual({ timeS: seconds(SECOND), type: 'f', size: TWO.length });
  expect(rows.get('lists/000000000001.txt')?.timeS).toBe(seconds(FIRST));
  expect(rows.get(POINTER_PATH)?.timeS).toBe(seconds(SECOND));
  expect(rows.get('pool/blobs')).toEqual({ timeS: seconds(SECOND), type: 'd', size: 4096 });
  const found = (
    await run('find', ['.', '-mindepth', '1', '-printf', '%y %P\n'], { cwd: at('tree') })
  ).trim();
  expect([...rows].map(([name, { type }]) => `${type} ${name}`).toSorted()).toEqual(
    found.split('\n').toSorted(),
  );
  const written = [...rows].filter(([, { type }]) => type === 'f');
  for (const [name, { size }] of written) {
    expect([name, size]).toEqual([name, (await stat(path.join(at('tree'), name))).size]);
  }
  const [sum] = (await run('sha1sum', [POINTER_PATH], { cwd: at('tree') })).split(' ');
  expect(sections.get('[Checksums SHA1]')).toEqual([`${sum}  ${POINTER_PATH}`]);
});

test('it is made of the newest full list and those after it, and a file keeps its time when that list is new', async () => {
  await layTree(at('tree'), { ...app([ONE]), publishedMs: FIRST });
  await layTree(at('tree'), { ...app([ONE, TWO]), publishedMs: SECOND });
  await list(at('tree'), at('list'));
  const before = await read(at('list'));

  const view = await openTree(directoryTree(at('tree')));
  if (view === undefined) throw new Error('there is a tree');
  const lists = await Promise.all(
    [1, 2].map((serial) => readFile(path.join(at('tree'), listPath(serial)), 'utf8')),
  );
  const full = Buffer.from(
    lists
      .join('')
      .split('\n')
      .filter((line) => line !== '')
      .toSorted((a, b) => ((a.split(' ')[3] ?? '') < (b.split(' ')[3] ?? '') ? -1 : 1))
      .map((line) => `${line}\n`)
      .join(''),
  );
  const gone = formatList([{ op: '-', path: blobPath(digestOf(ONE)) }]);
  const encoded = encodeStatement({
    ...view.statement,
    serial: 3,
    previous: { serial: 2, digest: view.digest },
    published: new Date(THIRD).toISOString().replace('.000', ''),
    list: digestOf(gone),
    full: { serial: 2, digest: digestOf(full) },
  });
  await writeFile(path.join(at('tree'), fullListPath(2)), full);
  await writeFile(path.join(at('tree'), listPath(3)), gone);
  await writeFile(path.join(at('tree'), encoded.path), encoded.bytes);
  await chmod(path.join(at('tree'), POINTER_PATH), 0o644);
  await writeFile(path.join(at('tree'), POINTER_PATH), encoded.bytes);

  expect(await list(at('tree'), at('list'))).toMatchObject({ code: 0, stderr: '' });
  const { rows } = await read(at('list'));
  expect(rows.has(blobPath(digestOf(ONE)))).toBe(false);
  expect(rows.get(blobPath(digestOf(TWO)))).toEqual(before.rows.get(blobPath(digestOf(TWO))));
  const documents = [...before.rows].filter(
    ([name, { type }]) => type === 'f' && name.startsWith('pool/index/'),
  );
  for (const [name, row] of documents) {
    expect(rows.get(name)).toEqual(row);
  }
  expect(rows.get(POINTER_PATH)?.timeS).toBe(seconds(THIRD));
  expect(rows.get('pool/blobs')?.timeS).toBe(seconds(SECOND));
});

test('nothing is written when nothing has changed, nor when a list is missing', async () => {
  await layTree(at('tree'), { ...app([ONE]), publishedMs: FIRST });
  expect((await list('--prefix', 'tree/', at('tree'))).code).toBe(0);
  const file = at('fullfiletimelist-gantry');
  expect((await read(file)).rows.has(`tree/${POINTER_PATH}`)).toBe(true);
  const { ino } = await stat(file);
  expect((await list('--prefix', 'tree', at('tree'))).code).toBe(0); // a slash is put behind it
  expect((await stat(file)).ino).toBe(ino);

  await layTree(at('tree'), { ...app([ONE, TWO]), publishedMs: SECOND });
  await run('rm', ['-f', path.join(at('tree'), listPath(1))]);
  const outcome = await list('--prefix', 'tree/', at('tree'));
  expect(outcome).toMatchObject({ code: 1, stdout: '' });
  expect(outcome.stderr).toContain(`${listPath(1)} is not there`);
  expect((await stat(file)).ino).toBe(ino);
  expect((await run('ls', ['-A', folder.path])).trim().split('\n')).toEqual([
    'fullfiletimelist-gantry',
    'tree',
  ]);
  expect(await list(at('nothing'))).toMatchObject({ code: 1 });
});

const withRsync = needs('rsync');
withRsync.test('of a mirror of a part it lists what is there', async () => {
  const repositories = [ONE, TWO].map((blob, n) => ({ name: `app/${n}`, tags: {}, blobs: [blob] }));
  await layTree(at('tree'), { repositories, publishedMs: FIRST });
  const copy = (...options: string[]) =>
    run('sh', [path.join(path.dirname(SCRIPT), 'gantry-mirror'), ...options, at('tree'), at('mirror')]);
  const blobs = async () => {
    expect(await list(at('mirror'), at('list'))).toEqual({ code: 0, stdout: '', stderr: '' });
    const { rows } = await read(at('list'));
    return [ONE, TWO].filter((blob) => rows.has(blobPath(digestOf(blob))));
  };
  await copy('--repository', 'app/1');
  expect(await blobs()).toEqual([TWO]);
  await copy();
  expect(await blobs()).toEqual([ONE, TWO]);
});

const real = needs('busybox');
real.test('BusyBox writes the same', async () => {
  await layTree(at('tree'), { ...app([ONE]), publishedMs: FIRST });
  await layTree(at('tree'), { ...app([ONE, TWO]), publishedMs: SECOND });
  await list(at('tree'), at('list'));
  const bin = at('bin');
  await run('mkdir', [bin]);
  await run('busybox', ['--install', '-s', bin]);
  const outcome = await attempt(at('bin/sh'), [SCRIPT, at('tree'), at('other')], {
    env: { PATH: bin },
  });
  expect(outcome).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(await readFile(at('other'), 'utf8')).toBe(await readFile(at('list'), 'utf8'));
});
