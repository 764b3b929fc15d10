import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openCatalog } from '@gantry/catalog';
import type { MadeManifest } from '@gantry/registry';
import { openStore } from '@gantry/store';
import { type LaidRepository, layTree } from '@gantry/tree';
import type { Flow } from '../context.ts';
import { type Layouts, type LayoutSettings, openLayouts } from './layouts.ts';

/** A tree in a temporary folder, and what its layouts need. */
export interface LayoutPlace extends AsyncDisposable {
  readonly root: string;
  /** What was logged. */
  readonly events: readonly string[];
  open(settings?: Partial<LayoutSettings>): Promise<Layouts>;
  /** Publishes just these. */
  lay(...repositories: LaidRepository[]): Promise<void>;
  /** A path below the folder of all layouts. */
  at(file: string): string;
  /** The files below a folder of the layouts, sorted. */
  files(folder: string): Promise<string[]>;
  json(file: string): Promise<unknown>;
  /** Puts a copy of a layout in the place of the layout `registry`. */
  restore(saved: string): Promise<void>;
}

export async function openLayoutPlace(): Promise<LayoutPlace> {
  const root = await mkdtemp(path.join(tmpdir(), 'gantry-layouts-'));
  const catalog = await openCatalog({ sqlite: { file: path.join(root, 'catalog.db') } });
  const store = await openStore({ filesystem: { root: path.join(root, 'store') } });
  const events: string[] = [];
  const note = (_: object, event: string) => void events.push(event);
  const log = { debug: note, info: note, warn: note, error: note };
  const flow: Flow = { catalog, store, log, now: () => new Date(), holder: 'test' };
  const at = (file: string) => path.join(root, 'layouts', file);
  return {
    root,
    events,
    at,
    open: (settings) =>
      openLayouts(flow, {
        tree: 'main',
        treeRoot: path.join(root, 'tree'),
        layouts: ['pulp', 'registry', 'oci'],
        root: path.join(root, 'layouts'),
        url: 'https://dl.example.org/pulp',
        ...settings,
      }),
    lay: async (...repositories) => void (await layTree(path.join(root, 'tree'), { repositories })),
    async files(folder) {
      const entries = await readdir(at(folder), { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => path.join(path.relative(at(folder), entry.parentPath), entry.name))
        .toSorted();
    },
    async restore(saved) {
      await rm(at('registry'), { recursive: true, force: true });
      await cp(saved, at('registry'), { recursive: true });
    },
    json: async (file) => JSON.parse(await readFile(at(file), 'utf8')) as unknown,
    async [Symbol.asyncDispose]() {
      await catalog[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** A repository of these images, and all below them. */
export function laid(
  name: string,
  tags: Readonly<Record<string, MadeManifest>>,
  ...others: MadeManifest[]
): LaidRepository {
  const all = [...Object.values(tags), ...others].flatMap(withChildren);
  return {
    name,
    tags: Object.fromEntries(Object.entries(tags).map(([tag, { digest }]) => [tag, digest])),
    manifests: all.map(({ bytes, mediaType }) => ({ bytes, mediaType })),
    blobs: all.flatMap(({ blobs }) => blobs.map(({ bytes }) => bytes)),
  };
}

function withChildren(made: MadeManifest): MadeManifest[] {
  return [made, ...made.children.flatMap(withChildren)];
}
