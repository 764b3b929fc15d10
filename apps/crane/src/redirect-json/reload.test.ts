import { execFileSync } from 'node:child_process';
import { mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Crane } from '../crane.ts';
import { startTestCrane, temporaryFolder, type TestLog, testLog, until } from '../crane.fixture.ts';
import { askPlain, writeFiles } from './redirect-json.fixture.ts';

/** Whatever changes in a directory of redirect files is answered from soon, and what was good is not lost. */

const file = (name: string, place: string, more: object = {}) => ({
  version: 2,
  repository: 'r',
  'repo-registry-id': name,
  url: `http://cdn.example/${place}`,
  ...more,
});

let opened: AsyncDisposableStack;
let base: string;
let data: string;
let log: TestLog;
let crane: Crane;
beforeEach(async () => {
  opened = new AsyncDisposableStack();
  base = opened.use(await temporaryFolder()).path;
  data = path.join(base, 'data');
  await writeFiles(data, { 'one.json': file('team/one', '1'), 'two.json': file('team/two', '1') });
  log = testLog();
  crane = await startOn(data);
});
afterEach(() => opened.disposeAsync());

async function startOn(...directories: string[]): Promise<Crane> {
  return opened.use(
    await startTestCrane({
      adminListen: { host: '127.0.0.1', port: 0 },
      logger: log,
      redirectJson: { directories, cdn: {} },
    }),
  );
}

/** Where a repository's tags are, or the status. */
async function where(name: string): Promise<string | number> {
  const { status, headers } = await askPlain(crane, `/v2/${name}/tags/list`);
  const location = headers['location'];
  return typeof location === 'string' ? location.split('/')[3]! : status;
}
const isAt = (name: string, expected: string | number) => until(async () => (await where(name)) === expected);
/** A figure whose name has more labels than that of the service may end by them: `…{state="kept"`. */
const figure = async (metric: string) => {
  const start = metric.includes('{') ? `${metric},service="crane"} ` : `${metric}{service="crane"} `;
  const text = await (await fetch(`${crane.adminUrl}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(start))
      ?.slice(start.length),
  );
};
const isFigure = (metric: string, expected: number) => until(async () => (await figure(metric)) === expected);
const told = (part: RegExp) =>
  until(async () => {
    await askPlain(crane, '/v2/'); // the wait ends with the crane
    return log.lines.find(({ message }) => part.test(message));
  });
const put = (name: string, content: unknown) => writeFiles(data, { [name]: content });

test('a file that comes, is edited in place, is replaced, and goes', async () => {
  await put('three.json', file('team/three', '1'));
  await isAt('team/three', '1');
  await put('three.json', file('team/three', '2'));
  await isAt('team/three', '2');
  await put('.three.tmp', file('team/three', '3'));
  await rename(path.join(data, '.three.tmp'), path.join(data, 'three.json'));
  await isAt('team/three', '3');
  await put('three.json', file('team/other', '4'));
  await isAt('team/other', '4');
  await isAt('team/three', 404);
  await rm(path.join(data, 'three.json'));
  await isAt('team/other', 404);
  expect(await where('team/one')).toBe('1');
});

test('rsync -a brings old times to file and folder, and what is new is seen', async () => {
  const from = path.join(base, 'from');
  await writeFiles(from, { 'one.json': file('team/one', '2'), 'deep/new.json': file('team/new', '1') });
  const old = new Date('2020-01-01T00:00:00Z');
  for (const place of ['one.json', 'deep/new.json', 'deep', '.'])
    await utimes(path.join(from, place), old, old);
  execFileSync('rsync', ['-a', `${from}/`, data]);
  await isAt('team/one', '2');
  await isAt('team/new', '1');
  expect(await where('team/two')).toBe('1');
});

test('a clock that is years off, ahead or behind, hides nothing', async () => {
  for (const [index, year] of ['2099', '1999', '2099'].entries()) {
    const time = new Date(`${year}-01-01T00:00:00Z`);
    const next = path.join(base, 'next');
    await writeFile(next, JSON.stringify(file('team/one', `${index + 2}`)));
    await utimes(next, time, time);
    await rename(next, path.join(data, 'one.json'));
    await utimes(data, time, time);
    await isAt('team/one', `${index + 2}`);
  }
  expect(await where('team/two')).toBe('1');
});

test('other content of the same size, with the times set back, is seen', async () => {
  const time = new Date('2020-01-01T00:00:00Z');
  for (const content of ['5', '6', '7']) {
    await put('one.json', file('team/one', content));
    await utimes(path.join(data, 'one.json'), time, time);
    await isAt('team/one', content);
  }
  expect(await where('team/two')).toBe('1');
});

test('a file that becomes wrong keeps its last good state, and is told of once', async () => {
  const good = JSON.stringify(file('team/one', '2'));
  await put('one.json', good.slice(0, 20));
  await told(/one\.json is not JSON; its last good state is served on/);
  await put('two.json', file('team/two', '2'));
  await isAt('team/two', '2');
  expect(await where('team/one')).toBe('1');
  await isFigure('gantry_crane_redirect_files{state="kept"', 1);
  await put('one.json', good);
  await isAt('team/one', '2');
  await isFigure('gantry_crane_redirect_files{state="kept"', 0);
  await put('one.json', '{}');
  await told(/one\.json has no version/);
  // As it was before: its bytes were read once, and are good again.
  await put('one.json', good);
  await isFigure('gantry_crane_redirect_files{state="loaded"', 2);
});

test('a new file that is half written is left out until it is whole', async () => {
  const whole = JSON.stringify(file('team/new', '1'));
  await put('new.json', whole.slice(0, 30));
  await told(/new\.json is not JSON; it is left out/);
  expect(await where('team/new')).toBe(404);
  await put('new.json', whole);
  await isAt('team/new', '1');
});

test('a directory that is renamed away, as by unmounting, keeps serving; what comes in its place is read', async () => {
  await rename(data, `${data}.away`);
  await told(/data of redirect files is not there; what was read of it before is served on/);
  expect(await where('team/one')).toBe('1');
  await isFigure('gantry_crane_redirect_directories_lost', 1);
  await mkdir(data);
  await told(/data of redirect files is empty; what was read/);
  expect(await where('team/one')).toBe('1');
  await put('one.json', file('team/one', '2'));
  await isAt('team/one', '2');
  await isAt('team/two', 404);
  await isFigure('gantry_crane_redirect_directories_lost', 0);
});

test('files that are all removed stay served, and the crane stays ready', async () => {
  for (const name of ['one.json', 'two.json']) await rm(path.join(data, name));
  await told(/is empty; what was read of it before is served on/);
  expect([await where('team/one'), await where('team/two')]).toEqual(['1', '1']);
  expect((await fetch(`${crane.adminUrl}/readyz`)).status).toBe(200);
  await isFigure('gantry_crane_redirect_files{state="kept"', 2);
});

test('a crane may start before its directory is there', async () => {
  const later = path.join(base, 'later');
  crane = await startOn(later);
  expect(await where('team/late')).toBe(404);
  expect((await fetch(`${crane.adminUrl}/readyz`)).status).toBe(503);
  await writeFiles(later, { 'late.json': file('team/late', '1') });
  await isAt('team/late', '1');
  // What was found out is told for a second.
  await until(async () => (await fetch(`${crane.adminUrl}/readyz`)).ok);
});

test('of two files for one name the first directory wins, then the first path, in whichever order they come', async () => {
  const second = path.join(base, 'second');
  await writeFiles(second, { 'a.json': file('team/one', 'second') });
  crane = await startOn(data, second);
  expect(await where('team/one')).toBe('1');
  await told(/"team\/one" stands in two redirect files: .*one\.json is served, .*a\.json is not/);
  await isFigure('gantry_crane_redirect_file_duplicates', 1);
  await put('a-first.json', file('team/one', 'first'));
  await isAt('team/one', 'first');
  await put('z-last.json', file('team/one', 'last'));
  await isFigure('gantry_crane_redirect_file_duplicates', 3);
  expect(await where('team/one')).toBe('first');
  await rm(path.join(data, 'a-first.json'));
  await isAt('team/one', '1');
  await rm(path.join(data, 'one.json'));
  await isAt('team/one', 'last');
  await rm(path.join(data, 'z-last.json'));
  await isAt('team/one', 'second');
});

test('links are followed, round in circles too, and what they lead to is seen to change', async () => {
  const elsewhere = path.join(base, 'elsewhere');
  await writeFiles(elsewhere, { 'r.json': file('team/linked', '1'), 'x/s.json': file('team/below', '1') });
  await symlink(path.join(elsewhere, 'r.json'), path.join(data, 'linked.json'));
  await symlink(path.join(elsewhere, 'x'), path.join(data, 'folder'));
  await symlink(data, path.join(data, 'round'));
  await symlink(path.join(base, 'nowhere'), path.join(data, 'dangling.json'));
  await isAt('team/linked', '1');
  await isAt('team/below', '1');
  await writeFiles(elsewhere, { 'r.json': file('team/linked', '2') });
  await isAt('team/linked', '2');
  expect(await where('team/below')).toBe('1');
});

test.each([
  ['[]', 'is no JSON object'],
  ['{"version":5}', 'is of version 5: 1 to 4 are known'],
  [file('Team/App', '1'), 'has the repo-registry-id "Team/App", which is no name of a repository'],
  [file('a', '1', { version: 3 }), 'has no schema2_data'],
  [file('a', '1', { version: 4, schema2_data: [] }), 'has no manifest_list_data'],
  [file('a', '1', { version: 3, schema2_data: [1] }), 'has in schema2_data what is no text'],
  [file('a', '1', { url: 'ftp://x/y' }), 'has the url "ftp://x/y": it must be http:// or https://'],
  [
    file('a', '1', { url: 'http://x/y?token=s3cret' }),
    String.raw`has the url "http://x/y\?\*\*\*": it must be`,
  ],
  [
    file('a', '1', { url: 'http://user:pa s"s@w/@x/y' }),
    String.raw`has the url "http://\*\*\*@x/y": it must be http:// or https://, a host and a path, .* without credentials`,
  ],
  [file('a', '1', { url: 'user:password@x/y' }), String.raw`has the url "\*\*\*@x/y": it must`],
  [
    file('a', '1', { url: ['http://user:pa s"s@x/y', 'http://x/?a'] }),
    String.raw`has the url \["http://\*\*\*@x/y","http://x/\?\*\*\*"\]: it must be a text`,
  ],
  [file('a', '1', { repository: '../x' }), 'has the repository "../x", which can not be'],
  [file('a', '1', { protected: 'no' }), 'has protected "no": it must be true or false'],
  [file('a', '1', { version: 1, images: [{}], tags: {} }), 'has images of which one has no id'],
])('a wrong file is named with what is wrong: %#', async (content, message) => {
  await put('wrong.json', content);
  await told(new RegExp(`wrong\\.json ${message}.*left out`));
  expect(await where('team/one')).toBe('1');
});
