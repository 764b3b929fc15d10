import path from 'node:path';
import { mkdir } from 'node:fs/promises';
import { run } from './run.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A file system that knows no hardlinks, mounted on a folder of its own. */
export interface Exfat extends AsyncDisposable {
  readonly path: string;
}

/** Mounts an image of exFAT by FUSE: the kernel needs no module for it. */
export async function mountExfat(): Promise<Exfat> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await temporaryFolder('exfat')).path;
  const image = path.join(folder, 'image');
  await run('truncate', ['--size=64M', image]);
  await run('mkfs.exfat', [image]);
  const device = (await run('losetup', ['--find', '--show', image])).trim();
  opened.defer(async () => {
    await run('losetup', ['--detach', device]);
  });
  const place = path.join(folder, 'mounted');
  await mkdir(place);
  await run('/sbin/mount.exfat-fuse', [device, place]);
  opened.defer(async () => {
    await run('umount', [place]);
  });
  const all = opened.move();
  return { path: place, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
