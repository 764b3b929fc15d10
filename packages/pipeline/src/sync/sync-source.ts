import {
  asFault,
  type Digest,
  Fault,
  FAULTS,
  forEachConcurrently,
  type Problem,
  quote,
  toProblem,
} from '@gantry/oci';
import { type BringBack, createBringBack } from '../collect/store/bring-back.ts';
import type { Flow } from '../context.ts';
import { withLeaseWaiting } from '../hold-lease.ts';
import type { AnnouncedTag } from './announced-tags.ts';
import { CreatedTimes } from './created-times.ts';
import type { ContentFetcher } from './fetch-content.ts';
import type { Progress } from './progress.ts';
import type { PlannedTag } from './repository-sync.ts';
import type { Source } from './source.ts';
import { syncRepository } from './sync-repository.ts';

const REPOSITORIES_AT_ONCE = 8;
/** A sync names that many failures at the most: the list stays readable, and a task's record small. */
export const SYNC_FAILURES_MAX = 1000;

export interface SyncRequest {
  /** Tells this sync apart in the log: the task's id. */
  readonly id: string;
  /** Published names; absent: all that the source's rules take. */
  readonly repositories?: readonly string[];
  /** Only these tags, by their names at the source: no catalogue and no tags are listed. */
  readonly items?: readonly SyncItem[];
  readonly dryRun?: boolean;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

export interface SyncItem {
  readonly sourceRepository: string;
  readonly tags: readonly string[];
  /** Those of the tags that the source told of: what is not there yet is waited for. */
  readonly announced?: readonly AnnouncedTag[];
  /** Manifests that are to be whole again, whatever tags mean: they are fetched as far as they are missing. */
  readonly digests?: readonly Digest[];
}

export interface SyncOutcome {
  readonly state: 'done' | 'partial' | 'failed';
  /** `REPO:TAG`, a repository, or the source's name. */
  readonly errors: readonly { readonly item: string; readonly problem: Problem }[];
  /** The same, in parts. */
  readonly failures: readonly SyncFailure[];
  /** Of a dry run. */
  readonly plan?: readonly PlannedTag[];
}

/** What could not be synced. */
export interface SyncFailure {
  /** Absent where listing the repositories failed. */
  readonly sourceRepository?: string;
  readonly repository?: string;
  /** Absent where it is the whole repository. */
  readonly tag?: string;
  /** Of one that was asked for by its digest. */
  readonly digest?: Digest;
  readonly problem: Problem;
  /** Whether it may go through later, though nothing is changed at the source. */
  readonly retry: boolean;
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
  // Single tags are in a hurry, and do no harm beside a sync of all: whoever is late leaves what is newer.
  if (request.items !== undefined) return new SourceSync(flow, source, fetcher, request).run();
  return withLeaseWaiting(
    flow,
    `sync:${source.name}`,
    (lease) => new SourceSync(flow, source, fetcher, request, lease.signal).run(),
    request.signal,
  );
}

/** Kept over the syncs of a process. */
const createdTimes = new WeakMap<Source, CreatedTimes>();

/** One sync of a source on its way. */
class SourceSync {
  readonly #flow: Flow;
  readonly #source: Source;
  readonly #fetcher: ContentFetcher;
  readonly #request: SyncRequest;
  readonly #full = new AbortController();
  readonly #signal: AbortSignal;
  readonly #log: { readonly source: string; readonly sync: string };
  readonly #failures: SyncFailure[] = [];
  readonly #plan: PlannedTag[] = [];
  /** Published names that were met, and where they come from. */
  readonly #found = new Map<string, string>();
  #reached = 0;
  #hasPurges = false;
  #garbage: BringBack | undefined;

  constructor(flow: Flow, source: Source, fetcher: ContentFetcher, request: SyncRequest, lost?: AbortSignal) {
    this.#flow = flow;
    this.#source = source;
    this.#fetcher = fetcher;
    this.#request = request;
    this.#signal = AbortSignal.any([
      request.signal,
      this.#full.signal,
      ...(lost === undefined ? [] : [lost]),
    ]);
    this.#log = { source: source.name, sync: request.id };
  }

  async run(): Promise<SyncOutcome> {
    const { items, progress } = this.#request;
    this.#flow.log.info(this.#log, 'sync.started');
    try {
      this.#hasPurges = await this.#flow.catalog.purges.some();
      if (await this.#flow.catalog.garbage.some()) this.#garbage = createBringBack(this.#flow, this.#signal);
      const work = items ?? this.#listRepositories();
      await forEachConcurrently<string | SyncItem>(work, REPOSITORIES_AT_ONCE, (one) =>
        typeof one === 'string' ? this.#syncOne(one) : this.#syncOne(one.sourceRepository, one),
      );
    } catch (error) {
      if (this.#signal.aborted && !this.#full.signal.aborted) throw this.#signal.reason;
      if (!this.#full.signal.aborted) this.#fail({}, error);
    }
    this.#nameUnmet();
    const state = this.#failures.length === 0 ? 'done' : this.#reached > 0 ? 'partial' : 'failed';
    this.#flow.log.info(
      { ...this.#log, state, failed: this.#failures.length, ...progress.read() },
      'sync.ended',
    );
    return {
      state,
      failures: this.#failures,
      errors: this.#failures.map((failure) => ({ item: this.#nameOf(failure), problem: failure.problem })),
      ...(this.#request.dryRun === true ? { plan: this.#plan } : {}),
    };
  }

  async #syncOne(sourceRepository: string, item?: SyncItem): Promise<void> {
    const { progress, dryRun, repositories } = this.#request;
    let repository = sourceRepository;
    try {
      repository = this.#source.publishedName(sourceRepository);
      if (repositories !== undefined && !repositories.includes(repository)) return;
      await this.#refuseSharedName(sourceRepository, repository);
      await syncRepository({
        id: this.#request.id,
        flow: this.#flow,
        source: this.#source,
        sourceRepository,
        repository,
        ...(item === undefined
          ? {}
          : { tags: item.tags, announced: item.announced ?? [], digests: item.digests ?? [] }),
        fetcher: this.#fetcher,
        created: createdTimes.getOrInsertComputed(this.#source, () => new CreatedTimes()),
        hasPurges: this.#hasPurges,
        ...(this.#garbage === undefined ? {} : { garbage: this.#garbage }),
        looksInStore: repositories !== undefined || item !== undefined,
        progress,
        signal: this.#signal,
        onFailure: (tag, error) => this.#fail({ sourceRepository, repository, tag }, error),
        onDigestFailure: (digest, error) => this.#fail({ sourceRepository, repository, digest }, error),
        ...(dryRun === true ? { onPlanned: (tag: PlannedTag) => this.#plan.push(tag) } : {}),
      });
      this.#reached++;
    } catch (error) {
      if (this.#signal.aborted) throw this.#signal.reason;
      this.#fail({ sourceRepository, repository }, error);
    }
  }

  async *#listRepositories(): AsyncIterable<string> {
    const { plainNames, globs, matchesRepository, registry } = this.#source;
    const seen = new Set<string>(plainNames);
    yield* plainNames;
    if (globs.length === 0) return;
    const onRefused = (name: string) => {
      const fault = new Fault('NAME_INVALID', `the source lists ${quote(name)}, which is no repository name`);
      this.#fail({ repository: name.slice(0, 255) }, fault);
    };
    for await (const name of registry.repositories({ onRefused, signal: this.#signal })) {
      if (seen.has(name) || !matchesRepository(name)) continue;
      seen.add(name);
      yield name;
    }
  }

  /** One published name comes from one place: else which image a tag means would hang on who was synced last. */
  async #refuseSharedName(sourceRepository: string, repository: string): Promise<void> {
    const source = this.#source.name;
    const first = this.#found.getOrInsert(repository, sourceRepository);
    const owner =
      first === sourceRepository
        ? await this.#flow.catalog.candidates.sourceOf(repository)
        : { source, sourceRepository: first };
    if (owner === undefined || (owner.source === source && owner.sourceRepository === sourceRepository))
      return;
    throw new Fault(
      'CONFLICT',
      `${owner.source} (${owner.sourceRepository}) and ${source} (${sourceRepository}) both yield the published name ${repository}: give one of them another by sources[].rename`,
      { repository, source },
    );
  }

  #nameUnmet(): void {
    for (const repository of this.#request.repositories ?? []) {
      if (this.#found.has(repository)) continue;
      const fault = new Fault(
        'NAME_UNKNOWN',
        `the source ${this.#source.name} takes no repository ${quote(repository)}: repositories are named as they are published, after "rename"`,
      );
      this.#fail({ repository }, fault);
    }
  }

  #fail(
    where: Pick<SyncFailure, 'sourceRepository' | 'repository' | 'tag' | 'digest'>,
    error: unknown,
  ): void {
    const fault = asFault(error);
    // Without space every further tag would fail alike: end it, so that what is there can be looked at.
    if (fault.code === 'STORAGE_FULL') this.#full.abort(fault);
    const failure = { ...where, problem: toProblem(fault), retry: mayPass(fault) };
    if (this.#failures.length < SYNC_FAILURES_MAX) this.#failures.push(failure);
    this.#flow.log.warn({ ...this.#log, item: this.#nameOf(failure), err: fault }, 'sync.item_failed');
  }

  #nameOf({ repository, tag, digest }: Pick<SyncFailure, 'repository' | 'tag' | 'digest'>): string {
    if (repository === undefined) return this.#source.name;
    if (digest !== undefined) return `${repository}@${digest}`;
    return tag === undefined ? repository : `${repository}:${tag}`;
  }
}

/** What the source's own state may bring about, or ours; what is wrong with the content stays wrong. */
function mayPass({ code }: Fault): boolean {
  return 'retry' in FAULTS[code] || MAY_PASS.has(code);
}

const MAY_PASS = new Set<Fault['code']>([
  'SOURCE_FAILED',
  'SOURCE_REFUSED',
  'MANIFEST_UNKNOWN',
  'MANIFEST_BLOB_UNKNOWN',
  'BLOB_UNKNOWN',
  'DIGEST_INVALID',
  'SIZE_INVALID',
  'INTERNAL',
]);
