import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import type { Profiler } from 'node:inspector';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { notRun } from './not-run.ts';
import { OTHER_CODE, SERVING_CODE, SHARED_SERVING_CODE } from './serving-code.ts';

// `npm run coverage`: runs the crane's tests, and names each part of the code that answers requests which they left out.

const root = fileURLToPath(new URL('../..', import.meta.url));
const crane = path.join(root, 'apps/crane/src');
/** The crane's own tests, those of what it shares, and those of what is private, which make certificates. */
const TESTS = [
  'apps/crane/src',
  'packages/service/src/network',
  'test/end-to-end/private-(?:access|certificates)',
];
/** It takes long, and comes nowhere where the others don't. */
const LEFT_OUT = ['hostile-requests'];

for (const name of await readdir(crane, { recursive: true })) {
  const isCode = name.endsWith('.ts') && !/\.(?:test|fixture)\.ts$/.test(name);
  if (!isCode || SERVING_CODE.includes(name) || OTHER_CODE.includes(name)) continue;
  console.log(`apps/crane/src/${name}: serving-code.ts does not say whether it answers requests`);
  process.exitCode = 1;
}

const reports = await mkdtemp(path.join(tmpdir(), 'gantry-coverage-'));
try {
  await runTests();
  const said = await readReports();
  let lines = 0;
  let missed = 0;
  const names = [...SERVING_CODE.map((name) => `apps/crane/src/${name}`), ...SHARED_SERVING_CODE];
  for (const name of names) {
    const file = path.join(root, name);
    const source = await readFile(file, 'utf8');
    lines += source.split('\n').length - 1;
    for (const { line, text } of notRun(source, said.get(pathToFileURL(file).href) ?? [])) {
      missed++;
      console.log(`${name}:${line}: no test runs: ${text.slice(0, 100)}`);
    }
  }
  console.log(
    `${names.length} files, ${lines} lines: ${missed === 0 ? 'all of it ran' : `${missed} parts did not run`}`,
  );
  if (missed > 0) process.exitCode = 1;
} finally {
  await rm(reports, { recursive: true });
}

/** In processes that come to their own end: those that Jest starts for its tests are killed, and say nothing. */
async function runTests(): Promise<void> {
  const jest = path.join(root, 'node_modules/jest/bin/jest.js');
  const runs = [1, 2].map(async (shard) => {
    const tests = spawn(
      process.execPath,
      [
        jest,
        '--runInBand',
        `--shard=${shard}/2`,
        '--testPathPatterns',
        ...TESTS,
        '--testPathIgnorePatterns',
        ...LEFT_OUT,
      ],
      {
        cwd: root,
        env: { ...process.env, NODE_V8_COVERAGE: reports },
        stdio: ['ignore', 'inherit', 'inherit'],
      },
    );
    const [code] = (await once(tests, 'exit')) as [number | null];
    return code;
  });
  const codes = await Promise.all(runs);
  if (codes.some((code) => code !== 0)) throw new Error('tests of the crane failed');
}

/** What all processes say, by the files' URLs. */
async function readReports(): Promise<Map<string, Profiler.ScriptCoverage[]>> {
  const byFile = new Map<string, Profiler.ScriptCoverage[]>();
  for (const name of await readdir(reports)) {
    const { result } = JSON.parse(await readFile(path.join(reports, name), 'utf8')) as {
      result: Profiler.ScriptCoverage[];
    };
    for (const script of result) byFile.set(script.url, [...(byFile.get(script.url) ?? []), script]);
  }
  return byFile;
}
