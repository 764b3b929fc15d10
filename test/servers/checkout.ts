import { cp, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What a clone would not have. */
const NOT_CLONED = new Set(['node_modules', '.git', 'data', 'coverage', 'tmp']);
const hasNoModules = (source: string) => path.basename(source) !== 'node_modules';

/**
 * Copies this checkout, as it is now, as if it had been cloned, its dependencies installed: those are links to what is
 * here, our own packages links within the copy.
 */
export async function copyCheckout(to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(ROOT)) {
    if (NOT_CLONED.has(name)) continue;
    await cp(path.join(ROOT, name), path.join(to, name), {
      recursive: true,
      preserveTimestamps: true,
      filter: hasNoModules,
    });
  }
  await linkModules(path.join(ROOT, 'node_modules'), path.join(to, 'node_modules'));
  for (const workspaces of ['packages', 'apps']) {
    for (const workspace of await readdir(path.join(ROOT, workspaces))) {
      const own = path.join(workspaces, workspace, 'node_modules');
      await linkModules(path.join(ROOT, own), path.join(to, own));
    }
  }
}

async function linkModules(from: string, to: string): Promise<void> {
  for (const name of await readdir(from).catch(() => [])) {
    await mkdir(to, { recursive: true });
    if (name === '@gantry') {
      await mkdir(path.join(to, name));
      for (const own of await readdir(path.join(from, name)))
        await symlink(await readlink(path.join(from, name, own)), path.join(to, name, own));
    } else {
      await symlink(path.join(from, name), path.join(to, name));
    }
  }
}
