import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

// The long form of the fault tests, of which `npm test` does a small part: `npm run soak -- [--seed N] [FILE…]`. It
// takes about half an hour, and 6 GB below the temporary folder.

const { values, positionals } = parseArgs({ options: { seed: { type: 'string' } }, allowPositionals: true });
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
if (!Number.isInteger(seed)) {
  console.error(`--seed ${values.seed} is no whole number`);
  process.exit(2);
}

console.log(`seed ${seed}`);
const root = fileURLToPath(new URL('..', import.meta.url));
const jest = fileURLToPath(new URL('../node_modules/jest/bin/jest.js', import.meta.url));
const files =
  positionals.length > 0
    ? positionals
    : [
        'test/faults/sync-',
        'test/faults/engines-',
        'test/faults/purge-',
        'test/faults/publication-steps',
        'test/faults/readers',
        'test/faults/crane-',
        'test/end-to-end/defective-mirrors',
        'packages/pipeline/src/collect',
        'test/faults/token-timing',
        'test/fuzz',
        'apps/crane/src/fuzz',
        'test/mirror-kit/mirrors-during-',
      ];
// One file at a time: each of them may use the whole machine.
const child = spawn(process.execPath, [jest, '--runInBand', ...files], {
  cwd: root,
  env: { ...process.env, GANTRY_TEST_SOAK: '1', GANTRY_TEST_SEED: String(seed) },
  stdio: 'inherit',
});
const [code] = (await once(child, 'exit')) as [number | null];
if (code !== 0) console.error(`failed with seed ${seed}: npm run soak -- --seed ${seed}`);
process.exitCode = code ?? 1;
