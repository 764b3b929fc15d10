import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { temporaryFolder, until } from '../crane.fixture.ts';
import { openLineFile } from './line-file.ts';

/** What a file of lines tells about itself. */
function witness() {
  const told = { dropped: 0, failures: [] as string[] };
  const options = {
    onDrop: (lines: number) => void (told.dropped += lines),
    onFailure: (error: unknown) => void told.failures.push((error as NodeJS.ErrnoException).code ?? ''),
  };
  return { told, options };
}

const linesOf = async (file: string) =>
  (await readFile(file, 'latin1').catch(() => '')).split('\n').slice(0, -1);
const numbered = (count: number) => Array.from({ length: count }, (_, at) => `line ${at} ${'x'.repeat(80)}`);

test('lines are written in their order, some time later, and the rest at the end', async () => {
  await using folder = await temporaryFolder();
  const place = path.join(folder.path, 'log');
  const { told, options } = witness();
  const file = await openLineFile(place, options);
  const lines = numbered(3000);
  file.write(lines[0] as string);
  await until(async () => (await linesOf(place)).length === 1);
  for (const line of lines.slice(1)) file.write(line);
  await file[Symbol.asyncDispose]();
  expect(await linesOf(place)).toEqual(lines);
  expect(told).toEqual({ dropped: 0, failures: [] });
});

test('after it was moved away, the next lines stand in a new file, and none is lost or torn', async () => {
  await using folder = await temporaryFolder();
  const place = path.join(folder.path, 'log');
  const { told, options } = witness();
  const file = await openLineFile(place, options);
  const lines = numbered(20_000);
  for (const [at, line] of lines.entries()) {
    if (at % 5000 === 2500) {
      await rename(place, `${place}.${at}`);
      file.reopen();
      await until(() => readFile(place).catch(() => undefined));
    }
    file.write(line);
  }
  await file[Symbol.asyncDispose]();
  const all = await Promise.all([2500, 7500, 12_500, 17_500].map((at) => linesOf(`${place}.${at}`)));
  expect([...all.flat(), ...(await linesOf(place))]).toEqual(lines);
  expect(told).toEqual({ dropped: 0, failures: [] });
});

test('a name that can not be opened anew leaves the former file in use', async () => {
  await using folder = await temporaryFolder();
  const inner = path.join(folder.path, 'inner');
  await mkdir(inner);
  const { told, options } = witness();
  const file = await openLineFile(path.join(inner, 'log'), options);
  await rename(inner, path.join(folder.path, 'moved'));
  file.reopen();
  await until(() => told.failures.length > 0);
  file.write('still here');
  await file[Symbol.asyncDispose]();
  expect(told).toEqual({ dropped: 0, failures: ['ENOENT'] });
  expect(await linesOf(path.join(folder.path, 'moved', 'log'))).toEqual(['still here']);
});

test('while nobody takes them, lines wait in bounded room, and further ones are dropped and counted', async () => {
  await using folder = await temporaryFolder();
  const pipe = path.join(folder.path, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const { told, options } = witness();
  const holder = await open(pipe, 'r+'); // so that the pipe can be written to, and nobody reads
  const file = await openLineFile(pipe, { ...options, maxBytes: 256 * 1024 });
  const lines = numbered(20_000);
  for (const line of lines) file.write(line);
  const { dropped } = told;
  expect(dropped).toBeGreaterThan(10_000);

  const cat = spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(cat, 'close');
  let read = '';
  cat.stdout.on('data', (chunk) => (read += String(chunk)));
  await until(() => read.split('\n').length > lines.length - dropped);
  file.write('the last line');
  await until(() => read.includes('the last line\n'));
  await file[Symbol.asyncDispose]();
  await holder.close();
  await ended;
  expect(read.split('\n').slice(0, -1)).toEqual([...lines.slice(0, lines.length - dropped), 'the last line']);
  expect(told).toEqual({ dropped, failures: [] });
});

test('a full disk is told of and tried again; where there is room anew, lines go on', async () => {
  await using folder = await temporaryFolder();
  const place = path.join(folder.path, 'log');
  execFileSync('ln', ['-s', '/dev/full', place]);
  const { told, options } = witness();
  const file = await openLineFile(place, { ...options, maxBytes: 128 * 1024 });
  const lines = numbered(5000);
  for (const line of lines) file.write(line);
  await until(() => told.failures.length > 1);
  const { dropped } = told;
  expect(dropped).toBeGreaterThan(0);
  await rm(place);
  file.reopen();
  const kept = lines.slice(0, lines.length - dropped);
  await until(async () => (await linesOf(place)).length === kept.length);
  expect(await linesOf(place)).toEqual(kept);
  await file[Symbol.asyncDispose]();
  expect(new Set(told.failures)).toEqual(new Set(['ENOSPC']));
});

test('its end does not wait for a disk that stays full', async () => {
  const { told, options } = witness();
  const file = await openLineFile('/dev/full', options);
  for (const line of numbered(2000)) file.write(line);
  await file[Symbol.asyncDispose]();
  expect(told.failures).toContain('ENOSPC');
});

test('a line that is longer than all room is dropped', async () => {
  await using folder = await temporaryFolder();
  const { told, options } = witness();
  await using file = await openLineFile(path.join(folder.path, 'log'), options);
  file.write('x'.repeat(100_000));
  expect(told.dropped).toBe(1);
});
