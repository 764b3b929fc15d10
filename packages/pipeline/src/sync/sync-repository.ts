import type { Candidate, Catalog } from '@gantry/catalog';
import { type Digest, Fault, forEachConcurrently, MANIFEST_MEDIA_TYPES, manifestKind } from '@gantry/oci';
import { createBringBack } from '../collect/store/bring-back.ts';
import { rootsOf } from '../collect/store/roots-of.ts';
import { readContentGraph, sizeOf } from '../content-graph.ts';
import type { Flow } from '../context.ts';
import { candidateEvents } from '../events/candidate-events.ts';
import { readAnnounced } from './announced-tags.ts';
import { type ChosenTag, chooseTags } from './choose-tags.ts';
import { type CompanionSource, fetchCompanions } from './companions.ts';
import { readCompanionSource } from './companion-source.ts';
import { describeImage, storeReader } from './describe-image.ts';
import type { FetchFrom, Wanted } from './fetch-content.ts';
import { hasForeign, isWhole } from './manifest-record.ts';
import { type RepositorySync, TAGS_AT_ONCE } from './repository-sync.ts';

/** Brings all tags of a repository that the rules take, with what belongs to them. One HEAD a tag tells what is new. */
export async function syncRepository(sync: RepositorySync): Promise<void> {
  const { flow, source, sourceRepository, repository, signal, progress } = sync;
  const announced = await readAnnounced(sync);
  const known = await flow.catalog.candidates.currentOf(source.name, sourceRepository);
  const { taken, companionTags, gone } = await chooseTags(sync, known);
  await markGone(sync, gone);
  progress.expectTags(taken.length);
  const companions = readCompanionSource(sync, companionTags);
  const from: FetchFrom = {
    registry: source.registry,
    sourceRepository,
    foreignLayers: source.foreignLayers,
    hasPurges: sync.hasPurges,
    ...(sync.garbage === undefined ? {} : { garbage: sync.garbage }),
    ...(sync.looksInStore === true && { looksInStore: true }),
    ...(source.platforms === undefined ? {} : { platforms: source.platforms }),
    progress,
    signal,
  };

  await forEachConcurrently(sync.digests ?? [], TAGS_AT_ONCE, async (digest) => {
    try {
      await sync.fetcher.fetchGraph({ digest }, from);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      sync.onDigestFailure(digest, error);
    }
  });
  await forEachConcurrently(taken, TAGS_AT_ONCE, async (chosen) => {
    const { tag, rule } = chosen;
    try {
      signal.throwIfAborted();
      const head = await (announced.get(tag) ?? readHead(sync, chosen));
      if (head === undefined) {
        sync.onPlanned?.({ repository, tag, action: 'leave', rule: 'the source has no such tag' });
        if (known.has(tag)) await markGone(sync, [tag]);
        return;
      }
      const former = known.get(tag);
      if (sync.onPlanned === undefined) await syncTag(sync, tag, head, former, companions, from);
      else {
        const action = former === undefined ? 'add' : former.digest === head.digest ? 'keep' : 'move';
        sync.onPlanned({ repository, tag, action, rule, digest: head.digest });
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      sync.onFailure(tag, error);
    } finally {
      progress.tag();
    }
  });
}

/** Notes that the source has a tag no more. What was promoted of it stays. */
async function markGone(sync: RepositorySync, tags: readonly string[]): Promise<void> {
  const { flow, source, sourceRepository } = sync;
  if (sync.onPlanned !== undefined) return;
  const at = flow.now().toISOString();
  for (const tag of tags) await flow.catalog.candidates.markGone(source.name, sourceRepository, tag, at);
}

/** What a tag stands for; undefined where it was named without being listed, and is not there. */
async function readHead(sync: RepositorySync, { tag, head }: ChosenTag): Promise<Wanted | undefined> {
  if (head !== undefined) return head;
  const found = await sync.source.registry.head(sync.sourceRepository, tag, { signal: sync.signal });
  const isListed = sync.tags === undefined && sync.source.tags.names === undefined;
  if (found === undefined && isListed) {
    throw new Fault(
      'MANIFEST_UNKNOWN',
      `the source lists the tag ${sync.repository}:${tag} and then has no manifest for it`,
    );
  }
  return found;
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
  const { platforms } = sync.source;
  const isSame = former?.digest === head.digest;
  const isGivenUp = isSame && former.collectedAt !== undefined;
  if (isGivenUp && sync.tags === undefined) return; // until its tag moves, or somebody asks for it by name
  const unchanged = isSame && !isGivenUp;
  const isComplete = unchanged && (await hasAll(sync.flow, head.digest, from));
  if (!isComplete || sync.looksInStore === true) await sync.fetcher.fetchGraph(head, from);
  const companions = unchanged
    ? await readKnownCompanions(catalog, former, companionSource)
    : companionSource;
  const belonging = await fetchCompanions(catalog, sync.fetcher, head.digest, companions, from, (err) => {
    log.warn(
      { source: sync.source.name, sync: sync.id, item: `${sync.repository}:${tag}`, err },
      'sync.companion_purged',
    );
  });
  if (isComplete && sameCompanions(former, belonging)) return;

  const turn = await catalog.candidates.turn(); // before it is looked whether it is overtaken
  const current = await catalog.candidates.current(sync.repository, tag);
  if (await isOvertaken(sync, tag, head, former, current)) return;
  const graph = await readContentGraph(catalog, [head.digest]);
  const kind = graph.manifests.get(head.digest)?.kind ?? manifestKind(head.mediaType ?? '') ?? 'oci-manifest';
  const candidate: Candidate = {
    source: sync.source.name,
    sourceRepository: sync.sourceRepository,
    repository: sync.repository,
    tag,
    digest: head.digest,
    mediaType: MANIFEST_MEDIA_TYPES[kind],
    ...(await describeImage(storeReader(store), head.digest, platforms)),
    size: sizeOf(graph),
    syncedAt: unchanged ? former.syncedAt : now().toISOString(),
    ...belonging,
  };
  await catalog.candidates.put(candidate, candidateEvents(current, candidate), turn);
  await keepContent(sync, candidate, from);
  const { source, repository, digest } = candidate;
  log.info({ source, sync: sync.id, repository, tag, digest }, 'candidate.synced');
}

/** From now on the candidate is known, and keeps its content. What was condemned or deleted until now comes back. */
async function keepContent(
  { flow, fetcher, signal }: RepositorySync,
  candidate: Candidate,
  from: FetchFrom,
): Promise<void> {
  if (from.garbage === undefined && !(await flow.catalog.garbage.some())) return;
  const garbage = from.garbage ?? createBringBack(flow, signal);
  const roots = rootsOf(candidate);
  while (!(await garbage.graphs(roots)))
    for (const digest of roots) await fetcher.fetchGraph({ digest }, { ...from, garbage });
}

/** Whether another sync has brought the tag further while this one was fetching what it had been. */
async function isOvertaken(
  { source, sourceRepository, signal }: RepositorySync,
  tag: string,
  head: Wanted,
  former: Candidate | undefined,
  current: Candidate | undefined,
): Promise<boolean> {
  if (current === undefined || current.digest === former?.digest || current.digest === head.digest)
    return false;
  return (await source.registry.head(sourceRepository, tag, { signal }))?.digest !== head.digest;
}

/** Whether an image has all that the rules want by now: an earlier sync may have left out more. */
async function hasAll(
  { catalog, store }: Pick<Flow, 'catalog' | 'store'>,
  digest: Digest,
  from: FetchFrom,
): Promise<boolean> {
  const record = await catalog.manifests.get(digest);
  if (record === undefined) return false;
  if (from.foreignLayers && hasForeign(record)) return false;
  if (isWhole(record)) return true;
  const { manifests } = await storeReader(store).manifest(digest);
  const wanted = manifests.filter((child) => from.platforms?.takes(child) ?? true);
  if (!wanted.every((child) => record.manifests.includes(child.digest))) return false;
  const children = await Promise.all(wanted.map((child) => hasAll({ catalog, store }, child.digest, from)));
  return children.every(Boolean);
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

function sameCompanions(former: Candidate, now: Pick<Candidate, 'companions' | 'referrers'>): boolean {
  return (
    JSON.stringify([former.companions, former.referrers]) === JSON.stringify([now.companions, now.referrers])
  );
}
