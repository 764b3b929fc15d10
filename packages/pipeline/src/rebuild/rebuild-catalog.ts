import type { CatalogEntry, ManifestRecord, PoolObject } from '@gantry/catalog';
import { type Digest, forEachConcurrently } from '@gantry/oci';
import type { BlobStore } from '@gantry/store';
import type { RepositoryDocument, TreeView } from '@gantry/tree';
import { publishLease } from '../publish/published-tree.ts';
import { attribute } from './attribute.ts';
import { channelTags } from './channel-tags.ts';
import { contentPlace } from './content-place.ts';
import { earlierRepositories } from './earlier-repositories.ts';
import { type FoundTree, findTreeState, type RebuildTree } from './found-tree.ts';
import { countRepository, emptyReport, type RebuildProgress, type RebuildReport } from './rebuild-report.ts';
import { iso, rebuildMark, rebuiltPublication } from './rebuilt-records.ts';
import { likelyManifests } from './store-manifests.ts';
import { readLists } from './tree-history.ts';

/** What a catalog is remade from. */
export interface RebuildParts {
  readonly store: BlobStore;
  /** The main one first. */
  readonly trees: readonly RebuildTree[];
  readonly now: () => Date;
}

export interface RebuildOptions {
  /** Writes nothing to the store either, and says what would be done. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RebuildProgress) => void;
}

/** A rebuild on its way. */
export interface Rebuild {
  readonly report: RebuildReport;
  /** What the catalog is to hold. Taken once. @throws Fault TREE_INVALID, UNAVAILABLE */
  readonly entries: () => AsyncGenerator<CatalogEntry>;
}

/**
 * Remakes what a catalog must hold for promotions and publications to go on, from the trees and the store: manifests,
 * channels, publications and the pool. Candidates come again with the next sync, which finds their content in the store.
 * What stood in the catalog alone is lost: promotions, tasks, failures and idempotency keys. Sequences and fences go on
 * from the time in seconds, which is beyond any that were counted.
 */
export function rebuildCatalog(parts: RebuildParts, options: RebuildOptions = {}): Rebuild {
  const report = emptyReport();
  return { report, entries: () => rebuiltEntries(parts, options, report) };
}

async function* rebuiltEntries(
  { store, trees, now }: RebuildParts,
  { dryRun = false, signal, onProgress = () => {} }: RebuildOptions,
  report: RebuildReport,
): AsyncGenerator<CatalogEntry> {
  const given = new Set<Digest>();
  const at = now();
  const beyond = Math.floor(at.getTime() / 1000);
  const opened: FoundTree[] = [];
  for (const tree of trees) {
    const content = contentPlace(store, tree.target.source, !dryRun);
    opened.push(await findTreeState(tree, content, (why) => void report.problems.push(why)));
  }
  const [main, ...further] = opened;
  report.serial = main?.serial ?? null;
  report.trees = Object.fromEntries(further.map(({ tree, serial }) => [tree.name, serial]));
  onProgress({ step: 'history', done: opened.reduce((sum, { chain }) => sum + chain.length, 0) });
  const promotion = rebuildMark(at, beyond, report.serial);
  const fresh = function* (some: Iterable<ManifestRecord>): Generator<CatalogEntry> {
    for (const record of some) {
      if (given.has(record.digest)) continue;
      given.add(record.digest);
      yield { noun: 'manifests', record };
    }
  };

  let repositories = 0;
  for (const one of opened) {
    for await (const document of repositoriesOf(one.view)) {
      const found = await recordsOf(one, document, signal);
      const missing = [...document.manifests].filter(([digest]) => !found.has(digest));
      for (const [digest, { untagged }] of missing) {
        const what = `${document.name}@${digest}`;
        if (untagged === undefined)
          report.problems.push(`${what}, or something below it, is neither in the store nor in the tree`);
        else report.notes.push(`${what}, which no tag reaches any more, is not whole in the store`);
      }
      one.noteSinces(document);
      yield* fresh(found.values());
      onProgress({ step: 'tree', done: ++repositories });
    }
    for await (const document of earlierRepositories(
      one.tree.target.source,
      one.chain.toReversed(),
      one.view,
    ))
      yield* fresh((await recordsOf(one, document, signal)).values());
  }
  report.manifests.inTree = given.size;
  const onLooked = (done: number) => onProgress({ step: 'store', done });
  for await (const digest of likelyManifests(store, onLooked)) {
    signal?.throwIfAborted();
    if (given.has(digest)) continue;
    const record = await main?.records.get(digest);
    if (record !== undefined) yield* fresh([record]);
  }
  report.manifests.inStore = given.size - report.manifests.inTree;
  for (const { content } of opened) {
    report.restored.blobs += content.restored.blobs;
    report.restored.bytes += content.restored.bytes;
  }

  for (const one of opened) yield* channelsOfTree(one, promotion.id, at, report, signal);
  const order = trees.flatMap(({ channels }) => channels.map(({ name }) => name));
  report.channels.sort((a, b) => order.indexOf(a.channel) - order.indexOf(b.channel));
  for (const { name, publish } of trees.flatMap(({ channels }) => channels)) {
    if (!publish)
      report.notes.push(
        `the channel ${name} is kept out of every tree, so nothing can be known of what was in it`,
      );
  }
  yield { noun: 'promotions', record: promotion };
  for (const one of opened) {
    yield* historyOfTree(one, report);
    yield { noun: 'leases', record: { name: publishLease(one.tree), fence: beyond } };
  }
  report.notes.sort();
  report.problems.sort();
}

/** The channels' tags as a tree shows them. */
async function* channelsOfTree(
  one: FoundTree,
  promotion: string,
  at: Date,
  report: RebuildReport,
  signal: AbortSignal | undefined,
): AsyncGenerator<CatalogEntry> {
  const { tree, view, chain, newest } = one;
  const publishedAt = new Map(chain.map(({ serial, published }) => [serial, iso(published)]));
  for await (const document of repositoriesOf(view)) {
    signal?.throwIfAborted();
    const place = attribute(document.name, document.channel, tree);
    if (place === undefined) {
      report.problems.push(
        `${document.name} was published from the channel ${document.channel}, and no channel's prefix fits it: it stays in the tree as it is, and is in no channel`,
      );
      continue;
    }
    const { channel } = place;
    if (channel.name !== document.channel) {
      report.notes.push(
        `${document.name} was published from the channel ${document.channel}, and is in ${channel.name} now, by its name`,
      );
    }
    const found = await recordsOf(one, document, signal);
    const tags = channelTags(document, place, found, promotion, (digest) => {
      const since = document.manifests.get(digest)?.since;
      return publishedAt.get(since ?? 0) ?? iso(newest?.statement.published ?? at.toISOString());
    });
    countRepository(report, channel.name, tags.length);
    for (const record of tags) yield { noun: 'channels', record };
  }
}

/** A tree's publications and its pool. */
async function* historyOfTree(
  { tree, newest, chain, sinces }: FoundTree,
  report: RebuildReport,
): AsyncGenerator<CatalogEntry> {
  if (newest === undefined) return;
  const lists = await readLists(tree.target.source, chain);
  for (const statement of chain)
    yield { noun: 'publications', record: rebuiltPublication(tree.name, statement, lists.added) };
  report.publications += chain.length;
  for (const [path, { size, sha256, since }] of lists.pool) {
    const record: PoolObject = { path, size, sha256, since: sinces.get(path) ?? since };
    yield { noun: 'pool', record: { tree: tree.name, ...record } };
  }
  report.poolObjects += lists.pool.size;
  yield { noun: 'poolSerials', record: { tree: tree.name, serial: newest.statement.serial } };
}

/** The records of all that a repository's document names. */
async function recordsOf(
  { records }: FoundTree,
  document: RepositoryDocument,
  signal: AbortSignal | undefined,
): Promise<Map<Digest, ManifestRecord>> {
  const found = new Map<Digest, ManifestRecord>();
  await forEachConcurrently(document.manifests, 8, async ([digest, { kind }]) => {
    signal?.throwIfAborted();
    const record = await records.get(digest, kind);
    if (record !== undefined) found.set(digest, record);
  });
  return found;
}

/** The documents of all repositories of a state of the tree. */
async function* repositoriesOf(view: TreeView | undefined): AsyncGenerator<RepositoryDocument> {
  if (view === undefined) return;
  for await (const { name } of view.repositories()) {
    const document = await view.repository(name);
    if (document !== undefined) yield document;
  }
}
