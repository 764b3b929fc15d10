import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { YOUNG_MIB } from './young-generation.ts';

const PROGRAM = fileURLToPath(new URL('young-generation.fixture.ts', import.meta.url));

test('V8 gives the young generation the room that it may have, and no more', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM]);
  const { reached, afterMuchMore } = JSON.parse(stdout) as Record<string, number>;
  expect(reached).toBe(YOUNG_MIB);
  expect(afterMuchMore).toBeLessThanOrEqual(YOUNG_MIB);
});
