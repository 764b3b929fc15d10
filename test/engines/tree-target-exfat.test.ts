import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openTreeTarget } from '@gantry/pipeline';
import { openStore } from '@gantry/store';
import {
  type OpenedTarget,
  treeTargetContract,
} from '../../packages/pipeline/src/publish/tree-target.contract.ts';
import { type Exfat, mountExfat } from '../servers/exfat.ts';
import { withParts } from '../servers/parts.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

withParts('a file system without hardlinks as a place for trees', ['exfat'], () => {
  let mounted: Exfat;
  let places = 0;
  beforeAll(async () => {
    mounted = await mountExfat();
  });
  afterAll(async () => {
    await mounted?.[Symbol.asyncDispose]();
  });

  treeTargetContract('A folder without hardlinks', async (): Promise<OpenedTarget> => {
    const folder = await temporaryFolder('exfat-tree');
    const root = path.join(mounted.path, `tree-${places++}`);
    const store = await openStore({ filesystem: { root: folder.path } });
    const another = () => openTreeTarget({ filesystem: { root } }, store);
    return {
      store,
      target: await another(),
      another,
      async damage(file, bytes) {
        await rm(path.join(root, file));
        await writeFile(path.join(root, file), bytes);
      },
      async leaveBehind() {
        await mkdir(path.join(root, '.tmp', 'of-one-that-died'), { recursive: true });
        await writeFile(path.join(root, '.tmp', 'of-one-that-died', 'file'), 'half');
      },
      async leftBehind() {
        const names = await readdir(path.join(root, '.tmp'), { recursive: true, withFileTypes: true });
        return names.filter((name) => name.isFile()).length;
      },
      async [Symbol.asyncDispose]() {
        await store[Symbol.asyncDispose]();
        await folder[Symbol.asyncDispose]();
      },
    };
  });
});
