import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { attempt } from './servers/run.ts';
import { temporaryFolder } from './servers/temporary-folder.ts';

const [jest = '', runner = '', reporter = ''] = [
  '../node_modules/jest/bin/jest.js',
  'runner.js',
  'count-reporter.js',
].map((name) => fileURLToPath(new URL(name, import.meta.url)));

/** Each time it runs, a file says so; it fails the first `failures` times. */
const failing = (name: string, failures: number) => `
  import { appendFileSync, readFileSync } from 'node:fs';
  test(${JSON.stringify(name)}, () => {
    appendFileSync('runs', ${JSON.stringify(`${name}\n`)});
    const runs = readFileSync('runs', 'utf8').split('\\n').filter((line) => line === ${JSON.stringify(name)});
    if (runs.length <= ${failures}) throw new Error('a failure of ' + ${JSON.stringify(name)});
  });`;

/** Runs Jest with test files that fail so many times each. @returns what it said, and which file ran when */
async function runFiles(failures: Record<string, number>, CI: string) {
  await using folder = await temporaryFolder('runner');
  await writeFile(path.join(folder.path, 'package.json'), '{"type": "module"}');
  for (const [name, times] of Object.entries(failures))
    await writeFile(path.join(folder.path, `${name}.test.js`), failing(name, times));
  const configuration = { runner, transform: {}, maxWorkers: 2, reporters: ['default', reporter] };
  const words = [jest, '--config', JSON.stringify(configuration), '--rootDir', folder.path];
  const outcome = await attempt(process.execPath, words, {
    cwd: folder.path,
    env: { ...process.env, CI },
  });
  const runs = (await readFile(path.join(folder.path, 'runs'), 'utf8')).trim().split('\n');
  return { ...outcome, runs: runs.toSorted(), last: runs.at(-1) };
}

test('in CI a file that failed among others runs once more by itself, which counts; what failed is told', async () => {
  const { code, stderr, runs, last } = await runFiles({ good: 0, unsteady: 1 }, 'true');
  expect(stderr).toContain('failed among others, once more by itself');
  expect(stderr).toContain('a failure of unsteady');
  expect(stderr).toMatch(/^2 passed, 0 failed, 0 skipped$/m);
  expect([code, runs, last]).toEqual([0, ['good', 'unsteady', 'unsteady'], 'unsteady']);
});

test('what fails again has failed', async () => {
  const { code, stderr, runs } = await runFiles({ bad: 9, good: 0 }, 'true');
  expect(stderr).toMatch(/^1 passed, 1 failed, 0 skipped$/m);
  expect([code, runs]).toEqual([1, ['bad', 'bad', 'good']]);
});

test('when many fail, none of them runs again', async () => {
  const { code, stderr, runs } = await runFiles({ a: 1, b: 1, c: 1, d: 1 }, 'true');
  expect(stderr).toMatch(/^0 passed, 4 failed, 0 skipped$/m);
  expect([code, runs]).toEqual([1, ['a', 'b', 'c', 'd']]);
});

test('elsewhere a failure is a failure at once', async () => {
  const { code, runs } = await runFiles({ good: 0, unsteady: 1 }, '');
  expect([code, runs]).toEqual([1, ['good', 'unsteady']]);
});
