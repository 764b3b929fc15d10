import { chmod, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { layTree } from '@gantry/tree';
import { needs } from '../servers/parts.ts';
import { startRsyncd } from '../servers/rsyncd.ts';
import { attempt } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

/** scripts/mirror/rsyncd.conf, in a real daemon. It shuts itself in (chroot), and so has to be root: as tmpfs has. */
const real = needs('rsync', 'tmpfs');

const SCRIPT = fileURLToPath(new URL('../../scripts/mirror/gantry-mirror', import.meta.url));

real.test('the shipped module gives the tree to anybody, and nothing but reading', async () => {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await temporaryFolder('rsyncd-conf')).path;
  const [master, mirror, other] = ['master', 'mirror', 'other'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  await layTree(master, { repositories: [{ name: 'app', tags: {}, blobs: [Buffer.from('layer')] }] });
  await mkdir(path.join(master, '.tmp'));
  await writeFile(path.join(master, '.tmp/not-yet'), 'x');
  await writeFile(path.join(folder, 'secret'), 'x');
  await symlink('../secret', path.join(master, 'link'));
  await chmod(master, 0o755);
  const rsyncd = opened.use(await startRsyncd(master, { shipped: true }));

  expect(await attempt('sh', [SCRIPT, rsyncd.url, mirror])).toMatchObject({ code: 0, stderr: '' });
  expect(await readFile(path.join(mirror, 'serial/current.json'))).toEqual(
    await readFile(path.join(master, 'serial/current.json')),
  );
  const copied = await attempt('rsync', ['-aH', `${rsyncd.url}/`, `${other}/`]);
  expect(copied).toMatchObject({ code: 0 });
  await expect(stat(path.join(other, '.tmp'))).rejects.toThrow('ENOENT');
  expect((await attempt('rsync', ['-aL', `${rsyncd.url}/link`, `${folder}/followed`])).code).toBe(23);

  const refused = await attempt('rsync', ['-ac', `${rsyncd.url}/`, `${other}/`]);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(/configured to refuse --checksum/);
  for (const options of [[], ['--delete']]) {
    const written = await attempt('rsync', ['-a', ...options, `${other}/`, `${rsyncd.url}/`]);
    expect(written.code).not.toBe(0);
  }
  expect((await attempt('rsync', [rsyncd.url.replace('/gantry', '/')])).stdout).toMatch(/^gantry\s/m);
});
