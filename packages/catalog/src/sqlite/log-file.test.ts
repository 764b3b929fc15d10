import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Syncs a log twice with a descriptor for the log, and none for its folder; then once with the folder away, and once in order. */
const script = (folder: string) => `
  import { closeSync, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs';
  import { LogFile } from ${JSON.stringify(import.meta.resolve('./log-file.ts'))};
  const folder = ${JSON.stringify(folder)};
  mkdirSync(folder);
  writeFileSync(folder + '/catalog.db-wal', 'log');
  const log = new LogFile(folder + '/catalog.db');
  const sync = () => log.sync().then(() => 'durable', ({ code }) => code);
  const taken = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {}
  closeSync(taken.pop());
  const outcomes = await Promise.all([sync(), sync()]);
  for (const one of taken) closeSync(one);
  renameSync(folder, folder + '-away');
  outcomes.push(await sync());
  renameSync(folder + '-away', folder);
  outcomes.push(await sync());
  await log.close();
  process.stdout.write(JSON.stringify(outcomes));
`;

test('a log is durable once its folder is, too: who asks while that is tried, or after it failed, is told so', async () => {
  const root = await mkdtemp(join(tmpdir(), 'gantry-log-'));
  try {
    const node = [process.execPath, '--input-type=module', '--eval', script(join(root, 'data'))];
    const { stdout, stderr } = spawnSync('sh', ['-c', 'ulimit -n 200; exec "$0" "$@"', ...node], {
      encoding: 'utf8',
    });
    expect([stdout, stderr]).toEqual([JSON.stringify(['EMFILE', 'EMFILE', 'ENOENT', 'durable']), '']);
  } finally {
    await rm(root, { recursive: true });
  }
});
