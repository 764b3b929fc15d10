import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A minute where nothing else runs. */
const DEADLINE_MS = 10 * 60_000;

test(
  'tests run each statement, function and branch of the code that answers requests',
  async () => {
    const coverage = spawn(process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url))], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { promise: ended, resolve } = Promise.withResolvers<number | null>();
    coverage.on('close', resolve);
    const [said, told] = await Promise.all([
      Array.fromAsync(coverage.stdout as AsyncIterable<Buffer>),
      Array.fromAsync(coverage.stderr as AsyncIterable<Buffer>),
    ]);
    const parts = Buffer.concat(said)
      .toString()
      .split('\n')
      .filter((line) => /^(apps|packages)\//.test(line));
    const failures = Buffer.concat(told)
      .toString()
      .split('\n')
      .filter((line) => /^FAIL|●/.test(line));
    expect({ parts, failures, code: await ended }).toEqual({ parts: [], failures: [], code: 0 });
  },
  DEADLINE_MS,
);
