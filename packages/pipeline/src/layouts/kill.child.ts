import path from 'node:path';
import { directoryTree } from '@gantry/tree';
import { LayoutFolder } from './layout-folder.ts';
import { createLayout, type LayoutName } from './named-layouts.ts';
import { updateLayout } from './update-layout.ts';

/** Updates a layout, and is killed after its Nth change: `node kill.child.ts ROOT LAYOUT N`. */

const [root = '', name = '', last = ''] = process.argv.slice(2);
let changes = 0;

class MortalFolder extends LayoutFolder {
  override put(...words: Parameters<LayoutFolder['put']>) {
    return mortal(() => super.put(...words));
  }

  override remove(file: string) {
    return mortal(() => super.remove(file));
  }
}

async function mortal(change: () => Promise<void>): Promise<void> {
  await change();
  if (++changes === Number(last)) process.kill(process.pid, 'SIGKILL');
}

const tree = path.join(root, 'tree');
const layout = createLayout(name as LayoutName, 'https://dl.example.org');
await updateLayout(
  { name: name as LayoutName, layout, folder: new MortalFolder(path.join(root, 'layouts', name), tree) },
  directoryTree(tree),
  { name: 'test', fence: 1, signal: new AbortController().signal, confirm: async () => {} },
  { debug() {}, info() {}, warn() {}, error() {} },
  false,
);
