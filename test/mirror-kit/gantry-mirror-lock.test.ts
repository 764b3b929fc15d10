import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { needs } from '../servers/parts.ts';
import { attempt, run } from '../servers/run.ts';
import { copy, freshFolders, inFolder, master, mirror, publish, SCRIPT } from './mirror-world.ts';

/** A run by another user: to be somebody else, the test has to be root, as tmpfs has. */

const real = needs('rsync', 'busybox', 'tmpfs');
freshFolders();

real.test("the lock of another user's run holds, as that of one's own does", async () => {
  await publish('1');
  await run('mkdir', ['-p', path.join(mirror, '.tmp/mirror/lock')]);
  const stat = await readFile(`/proc/${process.pid}/stat`, 'utf8');
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  const script = inFolder('gantry-mirror');
  await run('cp', [SCRIPT, script]);
  for (const shell of [['sh'], ['busybox', 'sh']]) {
    for (const holder of [`${process.pid} ${started}\n`, `${process.pid}\n`]) {
      await writeFile(path.join(mirror, '.tmp/mirror/lock/pid'), holder);
      await run('chown', ['-R', 'nobody', mirror]);
      await run('chmod', ['711', path.dirname(mirror)]);
      const words = ['--reuid=nobody', '--clear-groups', ...shell, script, master, mirror];
      expect(await attempt('setpriv', words)).toMatchObject({
        code: 4,
        stderr: expect.stringContaining(`the run ${process.pid} is at work`),
      });
      expect(existsSync(path.join(mirror, '.tmp/mirror/again'))).toBe(true);
    }
  }
  await writeFile(path.join(mirror, '.tmp/mirror/lock/pid'), `${process.pid} 1\n`);
  expect((await copy(master)).code).toBe(0);
});
