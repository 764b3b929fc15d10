import { randomUUID } from 'node:crypto';
import { asFault, Fault, type Problem, quote, toProblem } from '@gantry/oci';
import { forEachConcurrently } from '../concurrency.ts';
import type { Flow } from '../context.ts';
import { withLeaseWaiting } from '../hold-lease.ts';
import type { ContentFetcher } from './fetch-content.ts';
import type { Progress } from './progress.ts';
import type { Source } from './source.ts';
import { type PlannedTag, syncRepository } from './sync-repository.ts';

const REPOSITORIES_AT_ONCE = 8;
/** A task's list of failures stays readable, and its record small. */
const ERRORS_MAX = 1000;

export interface SyncRequest {
  /** Published names; absent: all that the source's rules take. */
  readonly repositories?: readonly string[];
  readonly dryRun?: boolean;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

export interface SyncOutcome {
  readonly state: 'done' | 'partial' | 'failed';
  readonly errors: readonly { readonly item: string; readonly problem: Problem }[];
  /** Of a dry run. */
  readonly plan?: readonly PlannedTag[];
}

/**
 * Syncs a source: what its rules take becomes candidates. One bad tag or repository never stops the others; what failed
 * is in the outcome, named. Nothing of the source that has gone is taken away here.
 * @throws only what ends it as a whole: the signal's reason, STORAGE_FULL, a lost lease
 */
export async function syncSource(
  flow: Flow,
  source: Source,
  fetcher: ContentFetcher,
  request: SyncRequest,
): Promise<SyncOutcome> {
  return withLeaseWaiting(
    flow,
    `sync:${source.name}`,
    (lease) =>
      syncUnderLease(flow, source, fetcher, {
        ...request,
        signal: AbortSignal.any([request.signal, lease.signal]),
      }),
    request.signal,
  );
}

async function syncUnderLease(
  flow: Flow,
  source: Source,
  fetcher: ContentFetcher,
  request: SyncRequest,
): Promise<SyncOutcome> {
  const errors: { item: string; problem: Problem }[] = [];
  const plan: PlannedTag[] = [];
  const full = new AbortController();
  const signal = AbortSignal.any([request.signal, full.signal]);
  const log = { source: source.name, sync: randomUUID() };
  const onFailure = (item: string, error: unknown) => {
    const fault = asFault(error);
    // Without space every further tag would fail alike: end it, so that what is there can be looked at.
    if (fault.code === 'STORAGE_FULL') full.abort(fault);
    if (errors.length < ERRORS_MAX) errors.push({ item, problem: toProblem(fault) });
    flow.log.warn({ ...log, item, err: fault }, 'sync.item_failed');
  };
  const wanted = request.repositories === undefined ? undefined : new Set(request.repositories);
  const found = new Map<string, string>();
  let reached = 0;
  flow.log.info(log, 'sync.started');

  const syncOne = async (sourceRepository: string) => {
    let repository = sourceRepository;
    try {
      repository = source.publishedName(sourceRepository);
      if (wanted !== undefined && !wanted.has(repository)) return;
      await refuseSharedName(flow, source, sourceRepository, repository, found);
      await syncRepository({
        flow,
        source,
        sourceRepository,
        repository,
        fetcher,
        progress: request.progress,
        signal,
        onFailure,
        ...(request.dryRun === true ? { onPlanned: (tag: PlannedTag) => plan.push(tag) } : {}),
      });
      reached++;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      onFailure(repository, error);
    }
  };
  try {
    await forEachConcurrently(listRepositories(source, signal, onFailure), REPOSITORIES_AT_ONCE, syncOne);
  } catch (error) {
    if (request.signal.aborted) throw request.signal.reason;
    if (!full.signal.aborted) onFailure(source.name, error);
  }
  for (const name of wanted ?? []) {
    if (!found.has(name)) {
      onFailure(
        name,
        new Fault('NAME_UNKNOWN', `the source ${source.name} takes no repository ${quote(name)}`),
      );
    }
  }
  const state = errors.length === 0 ? 'done' : reached > 0 ? 'partial' : 'failed';
  flow.log.info({ ...log, state, failed: errors.length, ...request.progress.read() }, 'sync.ended');
  return { state, errors, ...(request.dryRun === true ? { plan } : {}) };
}

async function* listRepositories(
  source: Source,
  signal: AbortSignal,
  onFailure: (item: string, error: unknown) => void,
): AsyncIterable<string> {
  const seen = new Set<string>(source.plainNames);
  yield* source.plainNames;
  if (source.globs.length === 0) return;
  const refuse = (name: string) => {
    onFailure(
      name.slice(0, 255),
      new Fault('NAME_INVALID', `the source lists ${quote(name)}, which is no repository name`),
    );
  };
  for await (const name of source.registry.repositories({ onRefused: refuse, signal })) {
    if (seen.has(name) || !source.matchesRepository(name)) continue;
    seen.add(name);
    yield name;
  }
}

/** One published name comes from one place: else which image a tag means would hang on who was synced last. */
async function refuseSharedName(
  flow: Flow,
  source: Source,
  sourceRepository: string,
  repository: string,
  found: Map<string, string>,
): Promise<void> {
  const first = found.getOrInsert(repository, sourceRepository);
  const owner =
    first === sourceRepository
      ? await flow.catalog.candidates.sourceOf(repository)
      : { source: source.name, sourceRepository: first };
  if (owner === undefined || (owner.source === source.name && owner.sourceRepository === sourceRepository))
    return;
  throw new Fault(
    'CONFLICT',
    `${owner.source} (${owner.sourceRepository}) and ${source.name} (${sourceRepository}) both yield the published name ${repository}: give one of them another by sources[].rename`,
    { repository, source: source.name },
  );
}
