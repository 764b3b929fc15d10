import { makeImage, makeIndex, makeLayer, type MadeManifest } from '@gantry/registry';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '@gantry/oci';
import {
  blobPath,
  indexPath,
  manifestPath,
  openTree,
  parsePath,
  type TreeView,
  verifyTree,
} from '@gantry/tree';
import { type FlowFixture, openFlow } from '../../flow.fixture.ts';
import type { PublishedTree, Retention } from '../../publish/published-tree.ts';
import { createPublisher, type Publisher } from '../../publish/publisher.ts';
import { collectTree } from './collect-tree.ts';
import type { CollectTreeOptions, TreeCollection } from './tree-collection.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

const AMD64 = { os: 'linux', architecture: 'amd64' };
const layer = (text: string) => makeLayer([{ path: 'a', content: text }]);

/** An index of one image, which shares a layer with all others. */
export function imageOf(text: string): MadeManifest {
  return makeIndex([makeImage({ platform: AMD64, layers: [layer('base'), layer(text)] })]);
}

/** A tree that is published to and collected, on a clock that is set. */
export interface CollectedTree extends AsyncDisposable {
  readonly fixture: FlowFixture;
  readonly tree: PublishedTree;
  readonly publisher: Publisher;
  /** Lets time go by. */
  pass(ms: number): void;
  /** Syncs an image of each text into each repository, for what is published later. */
  push(repositories: readonly string[], texts: readonly string[]): Promise<void>;
  /** Puts an image of that text behind `REPOSITORY:TAG` of the channel stable, and publishes it. */
  publish(repository: string, tag: string, text: string): Promise<void>;
  /** @param meanwhile happens once all is marked, and before anything is condemned */
  collect(options?: CollectTreeOptions, meanwhile?: () => Promise<void>): Promise<TreeCollection>;
  /** Reads a snapshot as a client does that pulls all of it, each object checked. @returns the paths of all objects */
  pull(serial: number): Promise<ReadonlySet<string>>;
  /** What `gantry verify --deep` finds, warnings too. */
  findings(): Promise<readonly string[]>;
  /** Files in the pool. */
  files(): Promise<ReadonlySet<string>>;
}

export const SHORT: Retention = { graceMs: 2 * DAY_MS, keepSnapshots: 2, keepSnapshotsForMs: DAY_MS };

export async function openCollected(
  retention: Retention = SHORT,
  keepUntaggedMs = 0,
): Promise<CollectedTree> {
  const fixture = await openFlow();
  const { flow } = fixture;
  const tree: PublishedTree = { ...fixture.tree, retention, keepUntaggedMs };
  const publisher = createPublisher(flow, tree);
  const source = fixture.treeSource;
  const bytesOf = async (path: string) => readFile(join(fixture.root, 'tree', path));
  const pushed = new Set<string>();
  const push = async (repositories: readonly string[], texts: readonly string[]) => {
    for (const repository of repositories)
      for (const text of texts) {
        fixture.upstream.push(repository, imageOf(text), text);
        pushed.add(`${repository}:${text}`);
      }
    await fixture.sync();
  };

  return {
    fixture,
    tree,
    publisher,
    pass(ms) {
      fixture.clock = new Date(fixture.clock.getTime() + ms);
    },
    push,
    async publish(repository, tag, text) {
      if (!pushed.has(`${repository}:${text}`)) await push([repository], [text]);
      await fixture.promote({ items: [{ repository, reference: text, tags: [tag] }], to: 'stable' });
      await publisher.publishPending();
    },
    collect(options, meanwhile) {
      const { pool } = flow.catalog;
      let next = meanwhile;
      const list: typeof pool.list = async function* (name) {
        const happens = next;
        next = undefined;
        await happens?.();
        yield* pool.list(name);
      };
      const catalog = { ...flow.catalog, pool: { ...pool, list } };
      return collectTree({ flow: { ...flow, catalog }, tree }, options);
    },
    async pull(serial) {
      const view = await openTree(source, { serial });
      if (view === undefined) throw new Error(`there is no serial ${serial}`);
      const reached = await pathsReached(view);
      for (const path of reached) {
        const parsed = parsePath(path);
        const digest = parsed !== undefined && 'digest' in parsed ? parsed.digest : undefined;
        if (digest === undefined || digestOf(await bytesOf(path)) !== digest)
          throw new Error(`${path} is not whole`);
      }
      return reached;
    },
    async findings() {
      const { findings } = await verifyTree(source, { deep: true, nowMs: fixture.clock.getTime() });
      return findings.map(({ kind, path }) => `${kind} ${path}`);
    },
    async files() {
      const files = await Array.fromAsync(fixture.tree.target.source.list?.('pool') ?? []);
      return new Set(files.map(({ path }) => path));
    },
    [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose](),
  };
}

/** Every object of a snapshot, found by a reader of its own: the tree's. */
async function pathsReached(view: TreeView): Promise<Set<string>> {
  const paths = new Set([indexPath(view.statement.root)]);
  for (const digest of view.shards.values()) paths.add(indexPath(digest));
  for await (const { name, digest } of view.repositories()) {
    paths.add(indexPath(digest));
    const document = await view.repository(name);
    for (const [one, { kind }] of document?.manifests ?? []) paths.add(manifestPath(kind, one));
    for (const one of document?.blobs.keys() ?? []) paths.add(blobPath(one));
    for (const list of document?.referrers.values() ?? []) paths.add(indexPath(list));
  }
  return paths;
}
