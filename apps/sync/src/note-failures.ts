import { type Failure, type FailureKey, type TaskError } from '@gantry/catalog';
import type { Flow, Source, SyncOutcome } from '@gantry/pipeline';
import { keyOf, planFailures } from './plan-failures.ts';
import type { SyncParameters } from './sync-parameters.ts';

const FAILURES_A_PAGE = 1000;

/**
 * Notes what failed and what failed no more.
 * @param random from 0 to 1
 * @returns the task's errors, each with the time when it is tried again
 */
export async function noteFailures(
  flow: Flow,
  source: Source,
  { items, repositories }: Pick<SyncParameters, 'items' | 'repositories'>,
  { errors, failures }: Pick<SyncOutcome, 'errors' | 'failures'>,
  random: () => number,
): Promise<TaskError[]> {
  const known =
    items === undefined
      ? await knownOf(flow, source.name, repositories)
      : await flow.catalog.failures.getAll(keysOf(source.name, items));
  const { put, remove } = planFailures({
    source: source.name,
    ...(items === undefined ? {} : { items }),
    failures: failures.filter(({ digest }) => digest === undefined), // who asked by digest asks again
    known,
    now: flow.now(),
    random,
    publishedName: (sourceRepository) => nameAsPublished(source, sourceRepository),
  });
  if (put.length > 0) await flow.catalog.failures.put(put);
  if (remove.length > 0) await flow.catalog.failures.remove(remove);

  const retryAt = new Map(put.map((failure) => [keyOf(failure), failure.retryAt]));
  const firstOf = new Map(put.toReversed().map((failure) => [failure.sourceRepository, failure.retryAt]));
  return errors.map((error, at) => {
    const { sourceRepository, tag, digest } = failures[at] ?? {};
    if (sourceRepository === undefined || digest !== undefined) return { ...error, retryAt: null };
    const own = retryAt.get(keyOf({ sourceRepository, ...(tag === undefined ? {} : { tag }) }));
    return { ...error, retryAt: own ?? firstOf.get(sourceRepository) ?? null };
  });
}

async function knownOf(
  flow: Flow,
  source: string,
  repositories: readonly string[] | undefined,
): Promise<Failure[]> {
  const known: Failure[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await flow.catalog.failures.list({
      source,
      limit: FAILURES_A_PAGE,
      ...(typeof cursor === 'string' ? { cursor } : {}),
    });
    known.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return repositories === undefined
    ? known
    : known.filter(({ repository }) => repositories.includes(repository));
}

function keysOf(source: string, items: NonNullable<SyncParameters['items']>): FailureKey[] {
  return items.flatMap(({ sourceRepository, tags }) =>
    tags.map((tag) => ({ source, sourceRepository, tag })),
  );
}

/** Where the rename gives no name, that is the failure itself: the name at the source is told then. */
function nameAsPublished(source: Source, sourceRepository: string): string {
  try {
    return source.publishedName(sourceRepository);
  } catch {
    return sourceRepository;
  }
}
