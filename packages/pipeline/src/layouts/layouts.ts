import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '@gantry/oci';
import { directoryTree, readStatement } from '@gantry/tree';
import type { Flow } from '../context.ts';
import { withLease, withLeaseWaiting } from '../hold-lease.ts';
import { LayoutFolder, TEMPORARY } from './layout-folder.ts';
import { readLayoutState, STATE_FILE } from './layout-state.ts';
import { createLayout, type LayoutName } from './named-layouts.ts';
import { isCurrent, type OpenLayout, updateLayout } from './update-layout.ts';

/** The layouts that are made from one tree. */
export interface LayoutSettings {
  /** The tree's name in the catalog. */
  readonly tree: string;
  /** The folder that the tree lies in. */
  readonly treeRoot: string;
  readonly layouts: readonly LayoutName[];
  /** Each layout is a folder of its name in it. */
  readonly root: string;
  /** Where `<root>/pulp` is served, without a `/` at its end; needed for `pulp`. */
  readonly url?: string;
}

/** How far a layout has followed its tree. */
export interface LayoutProgress {
  readonly layout: LayoutName;
  /** Of the last state that was applied to the whole of it; absent: none was, or all is being looked at. */
  readonly serial?: number;
  /** Whether it is at the tree's current state. */
  readonly current: boolean;
}

/**
 * Keeps layouts at what their tree says. One process at a time works, by a lease of its own: a publication waits for
 * no layout, and no failure of one is a publication's.
 */
export interface Layouts {
  readonly tree: string;
  /** Takes them to the tree's current state; whoever finds another at it leaves it to that one. */
  follow(signal?: AbortSignal): Promise<void>;
  /** The same, but looks at every file, and waits for its turn. */
  rebuild(signal?: AbortSignal): Promise<void>;
  progress(): Promise<LayoutProgress[]>;
}

/**
 * Opens the folders of a tree's layouts, for writing.
 * @throws Fault CONFIGURATION_INVALID for one that can't be written, or holds something else
 */
export async function openLayouts(flow: Flow, settings: LayoutSettings): Promise<Layouts> {
  const { tree, treeRoot, root, url } = settings;
  const source = directoryTree(treeRoot);
  const leaseName = `layouts:${tree}`;
  const opened: OpenLayout[] = [];
  for (const name of settings.layouts) {
    const folder = new LayoutFolder(path.join(root, name), treeRoot);
    await prepareFolder(folder.root);
    if ((await stat(folder.root)).dev !== (await stat(treeRoot)).dev)
      flow.log.warn({ tree, layout: name, path: folder.root, treeRoot }, 'layout.other_file_system');
    opened.push({
      name,
      folder,
      layout: createLayout(name, url),
      ...(name === 'pulp' && url !== undefined && { url }),
    });
  }

  const progress = async (): Promise<LayoutProgress[]> => {
    const current = (await readStatement(source))?.statement;
    return Promise.all(
      opened.map(async ({ name, folder, url: served }) => {
        const state = await readLayoutState(folder).catch(() => undefined); // the update says what is wrong with it
        const isSame = current === undefined || (state?.url === served && isCurrent(state, current));
        // At the same root, and another serial, where a statement was made anew.
        const serial = isSame ? current?.serial : state?.applied?.serial;
        return { layout: name, ...(serial !== undefined && { serial }), current: isSame };
      }),
    );
  };
  const update = async (full: boolean, lease: Parameters<typeof updateLayout>[2]) => {
    const failures: unknown[] = [];
    for (const layout of opened) {
      try {
        const done = await updateLayout(layout, source, lease, flow.log, full);
        if (done === undefined) continue;
        const { leftOut, ...told } = done;
        flow.log.info({ tree, layout: layout.name, ...told }, 'layout.updated');
        if (leftOut.length > 0)
          flow.log.warn({ tree, layout: layout.name, repositories: leftOut }, 'layout.repositories_left_out');
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  };

  return {
    tree,
    progress,
    async follow(signal) {
      // Asked again once the lease is free: a state that came up just before finds either this loop or the lease.
      while ((await progress()).some(({ current }) => !current)) {
        signal?.throwIfAborted();
        const ran = await withLease(flow, leaseName, (lease) => update(false, endedBy(lease, signal)));
        if (ran === undefined) return;
      }
    },
    rebuild: (signal) =>
      withLeaseWaiting(flow, leaseName, (lease) => update(true, endedBy(lease, signal)), signal),
  };
}

/** The lease, which also counts as lost when the caller has had enough. */
function endedBy<L extends { readonly signal: AbortSignal }>(lease: L, signal: AbortSignal | undefined): L {
  return signal === undefined ? lease : { ...lease, signal: AbortSignal.any([lease.signal, signal]) };
}

/** Makes the folder. It must be empty, absent or a layout's: what lies there is not taken away by mistake. */
async function prepareFolder(folder: string): Promise<void> {
  const refuse = (why: string, cause?: unknown) =>
    new Fault('CONFIGURATION_INVALID', `tree.layoutsRoot: ${folder} ${why}`, { path: folder }, { cause });
  try {
    await mkdir(folder, { recursive: true });
    const names = (await readdir(folder)).filter((name) => name !== 'lost+found');
    const foreign = names.find((name) => name !== TEMPORARY);
    if (foreign !== undefined && !names.includes(STATE_FILE))
      throw refuse(`holds ${JSON.stringify(foreign)} and is no layout: name an empty folder`);
    const probe = path.join(folder, TEMPORARY);
    if (!names.includes(TEMPORARY)) {
      await mkdir(probe, { recursive: true });
      await rm(probe, { recursive: true });
    }
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw refuse('can not be used as a folder to write to', error);
  }
}
