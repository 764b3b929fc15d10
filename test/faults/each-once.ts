import type { Catalog, Promotion, Publication } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import { openTree } from '@gantry/tree';
import { until } from '../servers/until.ts';
import type { FaultWorld } from './engines-world.ts';

/** What is waited for may need leases to run out and servers to start, on a machine that is busy. */
export const WITHIN_MS = 180_000;
const LATER = '9999-01-01T00:00:00.000Z';

/** One promotion that was asked for: a tag of a repository, which is to become that tag and `latest`. */
export interface Asked {
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
}

/** Whether so many promotions are there, and no work is open. */
export async function haveEnded({ catalog }: FaultWorld, count: number): Promise<boolean> {
  const open = [
    ...(await catalog.promotions.inStates(['queued', 'gating', 'promoting', 'publishing'])),
    ...(await catalog.tasks.inStates(['queued', 'running'])),
  ];
  return open.length === 0 && (await promotionsOf(catalog)).length >= count;
}

/** Catalog, tree and events say alike that each of these was done once, and nothing else. */
export async function expectEachOnce(world: FaultWorld, asked: readonly Asked[]): Promise<void> {
  const { catalog, recorder } = world;
  await until('an empty outbox', async () => (await catalog.outbox.pending(LATER, 1)).length === 0, {
    withinMs: WITHIN_MS,
  });
  const promotions = await promotionsOf(catalog);
  const publications = (await pages((page) => catalog.publications.list('main', page))).filter(
    ({ state }) => state === 'published',
  );
  expectPromotions(asked, promotions, publications);
  expectTree(asked, promotions, await readTree(world));
  expect(await world.ask('verify', '--deep')).toMatchObject({ code: 0 });
  await recorder.read();
  await expectEvents(world, promotions, publications);
}

const promotionsOf = (catalog: Catalog) => pages((page) => catalog.promotions.list(page));

async function pages<T>(
  list: (page: { limit: number; cursor?: string }) => Promise<{ items: readonly T[]; next: string | null }>,
): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await list({ limit: 1000, ...(cursor == null ? {} : { cursor }) });
    found.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return found;
}

/** Each that was asked for is one promotion, which is done, and in one publication. */
function expectPromotions(
  asked: readonly Asked[],
  promotions: readonly Promotion[],
  publications: readonly Publication[],
): void {
  const seen = promotions.map(({ state, items }) => {
    const [item] = items;
    return { state, repository: item?.repository, tag: item?.reference, digest: item?.digest };
  });
  expect(seen.toSorted(byTag)).toEqual(asked.map((one) => ({ state: 'done', ...one })).toSorted(byTag));
  const serials = new Map(
    promotions.map(({ id }) => [
      id,
      publications.filter((publication) => publication.promotions.includes(id)).map(({ serial }) => serial),
    ]),
  );
  expect(serials).toEqual(new Map(promotions.map(({ id, serial }) => [id, [serial]])));
}

const byTag = (one: { tag?: string | undefined }, other: { tag?: string | undefined }) =>
  (one.tag ?? '') < (other.tag ?? '') ? -1 : 1;

/** Each tag is published, and `latest` is what was accepted last. */
function expectTree(
  asked: readonly Asked[],
  promotions: readonly Promotion[],
  repositories: ReadonlyMap<string, ReadonlyMap<string, string>>,
): void {
  const expected = new Map<string, Map<string, string>>();
  const tagsOf = (repository: string) => expected.getOrInsertComputed(repository, () => new Map());
  for (const { repository, tag, digest } of asked) tagsOf(repository).set(tag, digest);
  for (const { items } of promotions.toSorted((one, other) => one.sequence - other.sequence))
    for (const { repository, digest } of items) tagsOf(repository).set('latest', digest ?? '');
  expect(repositories).toEqual(expected);
}

async function readTree({ tree }: FaultWorld): Promise<Map<string, ReadonlyMap<string, string>>> {
  const view = await openTree(tree);
  const found = new Map<string, ReadonlyMap<string, string>>();
  for await (const { name } of view?.repositories() ?? [])
    found.set(name, (await view?.repository(name))?.tags ?? new Map());
  return found;
}

/** Each promotion was told of as accepted, as publishing and, once, as done; each publication as done, each candidate as synced. */
async function expectEvents(
  { recorder, catalog }: FaultWorld,
  promotions: readonly Promotion[],
  publications: readonly Publication[],
): Promise<void> {
  const events = [...recorder.events.values()];
  const idsOf = (type: RegExp) =>
    events
      .filter((event) => type.test(event.type))
      .map(({ id }) => id)
      .toSorted();
  expect(idsOf(/^promotion\.accepted$/)).toEqual(
    promotions.map(({ id }) => `promotion/${id}/accepted`).toSorted(),
  );
  expect(idsOf(/^promotion\.publishing$/)).toEqual(
    promotions.map(({ id }) => `promotion/${id}/publishing`).toSorted(),
  );
  expect(idsOf(/^promotion\.(?!accepted|publishing)/)).toEqual(
    promotions.map(({ id }) => `promotion/${id}/done`).toSorted(),
  );
  expect(idsOf(/^publication\./)).toEqual(
    publications.map(({ tree, serial }) => `publication/${tree}/${serial}/done`).toSorted(),
  );
  const synced = new Set(
    events.filter(({ type }) => type === 'candidate.synced').map(({ subject }) => subject),
  );
  const candidates = await pages((page) => catalog.candidates.list(page));
  expect(synced).toEqual(new Set(candidates.map(({ repository, tag }) => `${repository}:${tag}`)));
  const tasks = await pages((page) => catalog.tasks.list({ kind: 'sync', ...page }));
  expect(idsOf(/^sync\./)).toEqual(
    tasks.map(({ id, state }) => `task/${id}/${state === 'done' ? 'done' : 'failed'}`).toSorted(),
  );
}
