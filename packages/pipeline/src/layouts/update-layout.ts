import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { asFault, digestOf, Fault, forEachConcurrently, isDigest, MANIFEST_MAX_BYTES } from '@gantry/oci';
import {
  differingRepositories,
  openTree,
  type RepositoryDocument,
  type TreeSource,
  type TreeView,
} from '@gantry/tree';
import type { Log } from '../context.ts';
import type { HeldLease } from '../hold-lease.ts';
import { codeOf } from '../publish/filesystem-target/files.ts';
import type { LaidContent, LaidFile, Layout, ObjectReader } from './layout.ts';
import { type LayoutFolder, TEMPORARY } from './layout-folder.ts';
import { type LayoutState, readLayoutState, type TreeState, writeLayoutState } from './layout-state.ts';
import type { LayoutName } from './named-layouts.ts';

/** A layout, and where it lies. */
export interface OpenLayout {
  readonly name: LayoutName;
  readonly layout: Layout;
  readonly folder: LayoutFolder;
  /** Where it is served; another one makes all of it anew. */
  readonly url?: string;
}

/** What an update has come to. */
export interface LayoutUpdate {
  readonly serial: number;
  readonly repositories: number;
  /** Repositories that have no place in this layout. */
  readonly leftOut: readonly string[];
}

const REPOSITORIES_AT_ONCE = 4;
const FILES_AT_ONCE = 8;
/** So many updates may be cut off one after the other; then all is looked at. */
const BEGUN_MAX = 8;

/**
 * Takes a layout to the tree's current state. Only repositories that differ are touched; when nobody knows what lies
 * there, or `full` is asked for, all are looked at.
 * @returns undefined when there was nothing to do
 * @throws Fault LEASE_LOST; CONFIGURATION_INVALID when the folder belongs to another tree; the first fault of a
 * repository, once all others are done
 */
export async function updateLayout(
  { name, layout, folder, url }: OpenLayout,
  source: TreeSource,
  lease: HeldLease,
  log: Log,
  full: boolean,
): Promise<LayoutUpdate | undefined> {
  const view = await openTree(source);
  if (view === undefined) return undefined;
  const state = await readLayoutState(folder);
  refuseOther(state, name, view, source, folder);
  const target: TreeState = { serial: view.statement.serial, root: view.statement.root };
  const isKnown = !full && state?.applied !== undefined && state.url === url;
  if (isKnown && isCurrent(state, target)) return undefined;

  const earlier = isKnown ? await openEarlier(source, state) : undefined;
  await folder.begin(() => lease.confirm());
  const basis = { tree: view.statement.tree, layout: name, ...(url !== undefined && { url }) };
  await writeLayoutState(folder, {
    ...basis,
    ...(earlier !== undefined && state?.applied !== undefined && { applied: state.applied }),
    begun: earlier === undefined ? [] : [...(state?.begun ?? []), target],
  });
  const update = new Update(layout, folder, objectReader(source, view), lease.signal);
  for (const file of layout.ownFiles ?? []) await folder.put(file.path, file.content);
  const names = earlier === undefined ? allNames(view) : differing(earlier, view);
  // What lies there is known for sure only if no update was cut off since.
  const former = earlier?.length === 1 ? earlier[0] : undefined;
  let repositories = 0;
  await forEachConcurrently(names, REPOSITORIES_AT_ONCE, async (repository) => {
    repositories++;
    await update.repository(repository, former, view);
  });
  if (earlier === undefined) await update.removeStrangers(view);
  await folder.prune();
  await folder.settle();
  if (update.failure !== undefined) throw update.failure;
  lease.signal.throwIfAborted();
  await writeLayoutState(folder, { ...basis, applied: target, begun: [] });
  await folder.end();
  if (folder.copies > 0) log.warn({ layout: name, files: folder.copies }, 'layout.files_copied');
  folder.copies = 0;
  return { serial: target.serial, repositories, leftOut: update.leftOut };
}

/** Whether the layout is at that state. The same root at another serial is the same content. */
export function isCurrent(state: LayoutState | undefined, target: Pick<TreeState, 'root'>): boolean {
  return state?.applied?.root === target.root && state.begun.length === 0;
}

function refuseOther(
  state: LayoutState | undefined,
  name: LayoutName,
  view: TreeView,
  source: TreeSource,
  folder: LayoutFolder,
): void {
  if (state === undefined || (state.tree === view.statement.tree && state.layout === name)) return;
  throw new Fault(
    'CONFIGURATION_INVALID',
    `${folder.root} is the layout ${state.layout} of the tree ${state.tree}, and ${source.name} is ${view.statement.tree}: name another tree.layoutsRoot, or remove that folder`,
    { path: folder.root },
  );
}

/** The states that repositories of the layout may be in; undefined when one of them can't be read any more. */
async function openEarlier(
  source: TreeSource,
  state: LayoutState | undefined,
): Promise<TreeView[] | undefined> {
  if (state?.applied === undefined || state.begun.length >= BEGUN_MAX) return undefined;
  const views: TreeView[] = [];
  for (const { serial, root } of [state.applied, ...state.begun]) {
    const view = await unlessLost(openTree(source, { serial }));
    if (view?.statement.root !== root) return undefined;
    views.push(view);
  }
  return views;
}

async function* differing(earlier: readonly TreeView[], view: TreeView): AsyncGenerator<string> {
  const seen = new Set<string>();
  for (const from of earlier) {
    for await (const name of differingRepositories(from, view)) {
      if (!seen.has(name)) yield name;
      seen.add(name);
    }
  }
}

async function* allNames(view: TreeView): AsyncGenerator<string> {
  for await (const { name } of view.repositories()) yield name;
}

function objectReader(source: TreeSource, view: TreeView): ObjectReader {
  return {
    document: (digest) => view.document(digest),
    async manifest(path, digest) {
      const bytes = await source.read(path, MANIFEST_MAX_BYTES);
      if (
        bytes !== undefined &&
        digestOf(bytes, digest.startsWith('sha512') ? 'sha512' : 'sha256') === digest
      )
        return bytes;
      const why = bytes === undefined ? 'is absent' : 'is not what its digest says';
      throw new Fault('TREE_INVALID', `${path} of ${source.name} ${why}: publish again`, { path });
    },
  };
}

/** One update under way. */
class Update {
  readonly leftOut: string[] = [];
  /** The first repository that could not be taken to its new state. */
  failure: Fault | undefined;
  readonly #layout: Layout;
  readonly #folder: LayoutFolder;
  readonly #objects: ObjectReader;
  readonly #signal: AbortSignal;

  constructor(layout: Layout, folder: LayoutFolder, objects: ObjectReader, signal: AbortSignal) {
    this.#layout = layout;
    this.#folder = folder;
    this.#objects = objects;
    this.#signal = signal;
  }

  /** Takes a repository to what it is in `view`: what is new first, what is gone last. */
  async repository(name: string, former: TreeView | undefined, view: TreeView): Promise<void> {
    this.#signal.throwIfAborted();
    if (!this.#layout.hasRoomFor(name)) {
      this.leftOut.push(name);
      return;
    }
    try {
      await this.#take(name, former, view);
    } catch (error) {
      const fault = asFault(error);
      if (ENDS_ALL.has(fault.code)) throw fault;
      this.failure ??= fault;
    }
  }

  async #take(name: string, former: TreeView | undefined, view: TreeView): Promise<void> {
    const now = await view.repository(name);
    const phases = now === undefined ? [] : await this.#layout.files(now, this.#objects);
    const before = former && (await this.#filesBefore(name, former));
    for (const phase of phases) {
      const wanted = phase.filter(({ path, content }) => before?.get(path) !== keyOf(content));
      await this.#putAll(wanted);
    }
    if (now === undefined) {
      for (const place of this.#layout.places(name).toReversed()) await this.#folder.remove(place);
      return;
    }
    const kept = new Set(phases.flat().map(({ path }) => path));
    const there = before === undefined ? await this.#listed(name) : [...before.keys()];
    for (const path of there.toReversed()) if (!kept.has(path)) await this.#folder.remove(path);
  }

  /** Puts all that can be, also when the tree lacks one. @throws Fault the first of those */
  async #putAll(files: readonly LaidFile[]): Promise<void> {
    let absent: Fault | undefined;
    await forEachConcurrently(files, FILES_AT_ONCE, async ({ path, content }) => {
      try {
        await this.#folder.put(path, content);
      } catch (error) {
        const fault = asFault(error);
        if (fault.code !== 'TREE_INVALID') throw error;
        absent ??= fault;
      }
    });
    if (absent !== undefined) throw absent;
  }

  async #filesBefore(name: string, former: TreeView): Promise<Map<string, string> | undefined> {
    const document = await unlessLost(readRepository(former, name));
    if (document === undefined) return undefined;
    if (document === 'none') return new Map();
    const phases = await unlessLost(this.#layout.files(document, this.#objects));
    return phases && new Map(phases.flat().map(({ path, content }) => [path, keyOf(content)]));
  }

  /** What lies there of a repository, in the order of its places, in each of them tags behind what has a digest's name. */
  async #listed(name: string): Promise<string[]> {
    const found: string[] = [];
    for (const place of this.#layout.places(name)) {
      const entries = await entriesOf(this.#folder.at(place), true);
      const files = entries
        ?.filter(({ entry }) => !entry.isDirectory())
        .map(({ path }) => `${place}/${path}`);
      if (files === undefined) found.push(place); // a file, or nothing
      else found.push(...files.filter(isDigestName), ...files.filter((path) => !isDigestName(path)));
    }
    return found;
  }

  /** Removes what belongs to repositories that are not in the tree. What belongs to none is left as it is. */
  async removeStrangers(view: TreeView, folder = ''): Promise<void> {
    for (const { entry, path } of (await entriesOf(this.#folder.at(folder), false)) ?? []) {
      this.#signal.throwIfAborted();
      const here = folder === '' ? path : `${folder}/${path}`;
      if (here === TEMPORARY) continue;
      const owner = this.#layout.repositoryOf(here);
      if (owner === undefined) {
        if (entry.isDirectory()) await this.removeStrangers(view, here);
      } else if (!this.#layout.hasRoomFor(owner) || (await view.repositoryDigest(owner)) === undefined) {
        await this.#folder.remove(here);
      }
    }
  }
}

/** After these no other repository can be done either. */
const ENDS_ALL: ReadonlySet<string> = new Set(['LEASE_LOST', 'STORAGE_FULL']);

function isDigestName(path: string): boolean {
  return isDigest(path.slice(path.lastIndexOf('/') + 1));
}

function keyOf(content: LaidContent): string {
  return 'bytes' in content ? digestOf(content.bytes) : content.pool;
}

async function readRepository(view: TreeView, name: string): Promise<RepositoryDocument | 'none'> {
  return (await view.repository(name)) ?? 'none';
}

/** What lies in a folder, or below it; undefined where there is no folder. */
async function entriesOf(
  folder: string,
  recursive: boolean,
): Promise<{ entry: Dirent; path: string }[] | undefined> {
  try {
    const entries = await readdir(folder, { withFileTypes: true, recursive });
    return entries.map((entry) => ({
      entry,
      path: [...entry.parentPath.slice(folder.length + 1).split('/'), entry.name].filter(Boolean).join('/'),
    }));
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Undefined for what the tree does not hold any more: it has been collected since. */
async function unlessLost<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    const { code } = asFault(error);
    if (code !== 'UNAVAILABLE' && code !== 'TREE_INVALID') throw error;
    return undefined;
  }
}
