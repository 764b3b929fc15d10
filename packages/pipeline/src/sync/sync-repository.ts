import type { Candidate, Catalog } from '@gantry/catalog';
import { type Digest, Fault, MANIFEST_MEDIA_TYPES, manifestKind, quote } from '@gantry/oci';
import { forEachConcurrently } from '../concurrency.ts';
import { readContentGraph, sizeOf } from '../content-graph.ts';
import type { Flow } from '../context.ts';
import { type CompanionSource, fetchCompanions, groupBySubject } from './companions.ts';
import { describeImage } from './describe-image.ts';
import type { ContentFetcher, FetchFrom, Wanted } from './fetch-content.ts';
import type { Progress } from './progress.ts';
import type { Source } from './source.ts';

/** Tags of one repository that are looked at side by side. The registry's client bounds what reaches its host. */
const TAGS_AT_ONCE = 32;

/** One repository of a source on its way. */
export interface RepositorySync {
  readonly flow: Flow;
  readonly source: Source;
  readonly sourceRepository: string;
  readonly repository: string;
  readonly fetcher: ContentFetcher;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Told of each tag that failed; the others go on. */
  onFailure(item: string, error: unknown): void;
  /** Told what a dry run would do. When present, nothing is fetched and nothing written. */
  readonly onPlanned?: (plan: PlannedTag) => void;
}

/** What a sync does with one tag, and by which rule. */
export interface PlannedTag {
  readonly repository: string;
  readonly tag: string;
  readonly action: 'add' | 'move' | 'keep' | 'leave';
  readonly rule: string;
  readonly digest?: Digest;
}

/** Brings all tags of a repository that the rules take, with what belongs to them. One HEAD a tag tells what is new. */
export async function syncRepository(sync: RepositorySync): Promise<void> {
  const { flow, source, sourceRepository, repository } = sync;
  const known = await flow.catalog.candidates.currentOf(source.name, sourceRepository);
  const { taken, companionTags } = await listTags(sync);
  const from: FetchFrom = {
    registry: source.registry,
    sourceRepository,
    progress: sync.progress,
    signal: sync.signal,
  };
  const companionSource = readCompanionSource(sync, companionTags);

  await forEachConcurrently(taken, TAGS_AT_ONCE, async ({ tag, rule }) => {
    try {
      sync.signal.throwIfAborted();
      const head = await source.registry.head(sourceRepository, tag, { signal: sync.signal });
      if (head === undefined) {
        throw new Fault(
          'MANIFEST_UNKNOWN',
          `the source lists the tag ${repository}:${tag} and then has no manifest for it`,
        );
      }
      const former = known.get(tag);
      if (sync.onPlanned !== undefined) {
        const action = former === undefined ? 'add' : former.digest === head.digest ? 'keep' : 'move';
        sync.onPlanned({ repository, tag, action, rule, digest: head.digest });
        return;
      }
      await syncTag(sync, tag, head, former, companionSource, from);
    } catch (error) {
      if (sync.signal.aborted) throw sync.signal.reason;
      sync.onFailure(`${repository}:${tag}`, error);
    } finally {
      sync.progress.tag();
    }
  });
}

async function listTags(
  sync: RepositorySync,
): Promise<{ taken: { tag: string; rule: string }[]; companionTags: string[] }> {
  const taken: { tag: string; rule: string }[] = [];
  const companionTags: string[] = [];
  const refuse = (name: string) => {
    sync.onFailure(
      `${sync.repository}:${name.slice(0, 128)}`,
      new Fault('TAG_INVALID', `the source lists ${quote(name)}, which is no tag`),
    );
  };
  for await (const tag of sync.source.registry.tags(sync.sourceRepository, {
    onRefused: refuse,
    signal: sync.signal,
  })) {
    const verdict = sync.source.judgeTag(tag);
    if (verdict.verdict === 'companion') companionTags.push(tag);
    else if (verdict.verdict === 'take') taken.push({ tag, rule: verdict.rule });
    else sync.onPlanned?.({ repository: sync.repository, tag, action: 'leave', rule: verdict.rule });
  }
  return { taken, companionTags };
}

function readCompanionSource(sync: RepositorySync, companionTags: readonly string[]): CompanionSource {
  const { source, sourceRepository, signal } = sync;
  // Tags of one digest, and images that share a part, ask once.
  const heads = new Map<string, Promise<Wanted | undefined>>();
  const referrers = new Map<Digest, Promise<readonly Wanted[]>>();
  return {
    tagsBySubject: source.referrers ? groupBySubject(companionTags) : new Map(),
    resolve: (tag) =>
      heads.getOrInsertComputed(tag, () => source.registry.head(sourceRepository, tag, { signal })),
    referrersOf: (subject) =>
      referrers.getOrInsertComputed(subject, async () =>
        source.referrers
          ? ((await source.registry.referrers(sourceRepository, subject, { signal })) ?? [])
          : [],
      ),
  };
}

/** For an image that has not changed: only the image itself is asked for new referrers, the rest is as it was known. */
async function readKnownCompanions(
  catalog: Catalog,
  former: Candidate,
  source: CompanionSource,
): Promise<CompanionSource> {
  const known = await catalog.manifests.getAll(former.referrers);
  return {
    ...source,
    referrersOf: async (subject) =>
      subject === former.digest
        ? source.referrersOf(subject)
        : [...known.values()].filter((referrer) => referrer.subject === subject),
  };
}

async function syncTag(
  sync: RepositorySync,
  tag: string,
  head: Wanted,
  former: Candidate | undefined,
  companionSource: CompanionSource,
  from: FetchFrom,
): Promise<void> {
  const { catalog, store, log, now } = sync.flow;
  const unchanged = former?.digest === head.digest;
  if (!unchanged) await sync.fetcher.fetchGraph(head, from);
  const companions = unchanged
    ? await readKnownCompanions(catalog, former, companionSource)
    : companionSource;
  const belonging = await fetchCompanions(catalog, sync.fetcher, head.digest, companions, from);
  if (unchanged && sameCompanions(former, belonging)) return;

  const graph = await readContentGraph(catalog, [head.digest]);
  const kind = graph.manifests.get(head.digest)?.kind ?? manifestKind(head.mediaType ?? '') ?? 'oci-manifest';
  const candidate: Candidate = {
    source: sync.source.name,
    sourceRepository: sync.sourceRepository,
    repository: sync.repository,
    tag,
    digest: head.digest,
    mediaType: MANIFEST_MEDIA_TYPES[kind],
    ...(await describeImage(store, head.digest)),
    size: sizeOf(graph),
    syncedAt: unchanged ? former.syncedAt : now().toISOString(),
    ...belonging,
  };
  await catalog.candidates.put(candidate);
  log.info(
    { source: candidate.source, repository: candidate.repository, tag, digest: candidate.digest },
    'candidate.synced',
  );
}

function sameCompanions(former: Candidate, now: Pick<Candidate, 'companions' | 'referrers'>): boolean {
  return (
    JSON.stringify([former.companions, former.referrers]) === JSON.stringify([now.companions, now.referrers])
  );
}
