import {
  type Catalog,
  CATALOG_NOUNS,
  type CatalogConfiguration,
  type CatalogEntry,
  type CatalogTransfer,
  openCatalog,
  openCatalogTransfer,
} from '../index.ts';
import { fillCatalog, TREES } from './filled-catalog.ts';
import { digest, manifest, poolObject, promotion, task, time } from './samples.ts';

/** Where one test keeps a catalog: empty at first, and gone when it is disposed of. */
export interface TransferPlace extends AsyncDisposable {
  readonly configuration: CatalogConfiguration;
}

const MINUTE_MS = 60_000;
/** Some servers take their time to make a database. */
const TEST_MS = 60_000;

/** What an engine must hold of catalogs that are copied as a whole. */
export function transferContract(name: string, open: () => Promise<TransferPlace>): void {
  describe(`the contract of catalogs as a whole, ${name}`, () => {
    test(
      'a copy holds all that its source holds',
      async () => {
        await using from = await filledPlace(open);
        await using to = await open();
        const source = await dumpOf(from.configuration);
        const counts = await copy(from.configuration, to.configuration);
        expect(await dumpOf(to.configuration)).toEqual(source);
        for (const noun of CATALOG_NOUNS) {
          expect([noun, counts[noun]]).toEqual([noun, source.filter((entry) => entry.noun === noun).length]);
          expect([noun, counts[noun] > 0]).toEqual([noun, true]); // so that no noun is equal by being empty
        }
      },
      TEST_MS,
    );

    test(
      'a copy goes on as its source would have',
      async () => {
        await using from = await filledPlace(open);
        await using to = await open();
        await copy(from.configuration, to.configuration);
        await using source = await openCatalog(from.configuration);
        await using target = await openCatalog(to.configuration);
        expect(await readBack(target)).toEqual(await readBack(source));
        const [next, nextOfSource] = [
          await target.promotions.create(promotion('next')),
          await source.promotions.create(promotion('next')),
        ];
        expect(next.promotion.sequence).toBeGreaterThanOrEqual(nextOfSource.promotion.sequence);
        const again = { ...promotion('other'), idempotency: { key: 'key', body: digest('body') } };
        expect(await target.promotions.create(again)).toMatchObject({
          created: false,
          promotion: { id: 'p2' },
        });
        const stale = await source.promotions.get('p1');
        expect(stale?.revision).toBe(2);
        expect(await target.promotions.replace({ ...stale!, revision: 1 })).toBeUndefined();
        expect(await target.promotions.replace(stale!)).toMatchObject({ revision: 3 });
        // In the source another holds the first one still; nobody does in a copy.
        expect(await source.leases.acquire('publish:main', 'later', MINUTE_MS)).toBeUndefined();
        expect((await target.leases.acquire('publish:main', 'later', MINUTE_MS))?.fence).toBe(2);
        expect((await source.leases.acquire('over', 'later', MINUTE_MS))?.fence).toBe(3);
        expect((await target.leases.acquire('over', 'later', MINUTE_MS))?.fence).toBe(3);
        await target.pool.apply('main', 7, [poolObject('late')], []);
        expect((await target.pool.getAll('main', ['late'])).size).toBe(0); // serial 7 was applied in the source
      },
      TEST_MS,
    );

    test(
      'only an empty catalog is filled, and one that is not stays as it is',
      async () => {
        await using from = await filledPlace(open);
        await using to = await open();
        {
          await using target = await openCatalog(to.configuration);
          await target.manifests.put(manifest('other'));
          await target.tasks.create(task('t9'));
        }
        const before = await dumpOf(to.configuration);
        await expect(copy(from.configuration, to.configuration)).rejects.toMatchObject({
          code: 'CONFLICT',
          message: expect.stringContaining('it holds manifests (1), tasks (1)'),
        });
        expect(await dumpOf(to.configuration)).toEqual(before);
      },
      TEST_MS,
    );

    test(
      'fences of an empty catalog that was in use before only grow',
      async () => {
        await using from = await filledPlace(open);
        await using to = await open();
        let fence = 0;
        {
          await using target = await openCatalog(to.configuration);
          for (let round = 0; round < 9; round++) {
            const lease = await target.leases.acquire('publish:main', 'a', MINUTE_MS);
            if (lease === undefined) throw new Error('the lease was not given');
            await target.leases.release(lease);
            fence = lease.fence;
          }
        }
        await copy(from.configuration, to.configuration);
        await using target = await openCatalog(to.configuration);
        expect((await target.leases.acquire('publish:main', 'b', MINUTE_MS))?.fence).toBe(fence + 1);
      },
      TEST_MS,
    );

    test(
      'one that was filled in part is never taken for a whole one, and is filled anew',
      async () => {
        await using from = await filledPlace(open);
        await using to = await open();
        const entries = await dumpOf(from.configuration);
        for (const cut of [0, 1, Math.floor(entries.length / 2), entries.length]) {
          await using target = await openCatalogTransfer(to.configuration, 'target');
          const load = target.load(cutOff(entries, cut));
          await expect(load).rejects.toThrow('cut off');
          expect(await target.isHalfFilled()).toBe(true);
          await target[Symbol.asyncDispose]();
          await expect(openCatalog(to.configuration)).rejects.toMatchObject({
            code: 'CONFIGURATION_INVALID',
            message: expect.stringContaining('half filled'),
          });
          await expect(openCatalogTransfer(to.configuration, 'source')).rejects.toMatchObject({
            code: 'CONFIGURATION_INVALID',
          });
        }
        await copy(from.configuration, to.configuration);
        expect(await dumpOf(to.configuration)).toEqual(entries);
        await using target = await openCatalogTransfer(to.configuration, 'target');
        expect(await target.isHalfFilled()).toBe(false);
      },
      TEST_MS,
    );

    test(
      'a copy tells how far it has come, and stops when it is told to',
      async () => {
        await using from = await filledPlace(open);
        await using to = await open();
        const entries = await dumpOf(from.configuration);
        const told: number[] = [];
        const stop = new AbortController();
        await using target = await openCatalogTransfer(to.configuration, 'target');
        const load = target.load(streamed(entries), {
          signal: stop.signal,
          onProgress: (loaded) => {
            told.push(CATALOG_NOUNS.reduce((sum, noun) => sum + loaded[noun], 0));
            if (told.length === 3) stop.abort(new Error('enough'));
          },
        });
        await expect(load).rejects.toThrow('enough');
        expect(told).toHaveLength(3);
        expect(told).toEqual(told.toSorted((a, b) => a - b));
        await target.load(streamed(entries), { onProgress: (loaded) => told.push(loaded.pool) });
        expect(told.at(-1)).toBe(entries.filter(({ noun }) => noun === 'pool').length);
      },
      TEST_MS,
    );

    test(
      'those who work on a catalog can be seen, and do not come along',
      async () => {
        await using from = await filledPlace(open);
        await using to = await open();
        {
          await using catalog = await openCatalog(from.configuration);
          await catalog.workers.beat(
            { id: 'w1', service: 'promote', host: 'one', pid: 7, version: '1', startedAt: time(0) },
            MINUTE_MS,
          );
        }
        await copy(from.configuration, to.configuration);
        await using source = await openCatalogTransfer(from.configuration, 'source');
        await using target = await openCatalogTransfer(to.configuration, 'target');
        expect(await source.workers()).toMatchObject([{ id: 'w1', host: 'one' }]);
        expect(await target.workers()).toEqual([]);
      },
      TEST_MS,
    );
  });
}

async function filledPlace(open: () => Promise<TransferPlace>): Promise<TransferPlace> {
  const place = await open();
  await using catalog = await openCatalog(place.configuration);
  await fillCatalog(catalog);
  return place;
}

/** Copies one catalog to another, as `gantry catalog copy` does. @returns how many of each noun the copy holds */
export async function copy(from: CatalogConfiguration, to: CatalogConfiguration) {
  await using source = await openCatalogTransfer(from, 'source');
  await using target = await openCatalogTransfer(to, 'target');
  return await target.load(source.dump());
}

/** All that a catalog holds. What is stored as absent and as undefined is one. */
export async function dumpOf(configuration: CatalogConfiguration): Promise<CatalogEntry[]> {
  await using transfer: CatalogTransfer = await openCatalogTransfer(configuration, 'source');
  return await Array.fromAsync(transfer.dump());
}

/** What callers see of a catalog, where the order of writes matters. */
async function readBack(catalog: Catalog): Promise<unknown> {
  return {
    current: await catalog.candidates.current('app', 'latest'),
    currentOf: await catalog.candidates.currentOf('candidates', 'candidate/app'),
    candidates: await catalog.candidates.list({ limit: 100 }),
    failures: await catalog.failures.list({ limit: 100 }),
    due: await catalog.failures.due('candidates', time(1000), 10),
    tags: await catalog.channels.tagsOf('stable', 'app'),
    byDigest: await catalog.channels.byDigest('stable', 'app', digest('one')),
    promotions: (await catalog.promotions.list({ limit: 100 })).items,
    keyed: await catalog.promotions.byIdempotencyKey('forgotten'),
    plan: await catalog.plans.get('plan'),
    retractions: await catalog.retractions.of('stable', 'app'),
    results: await catalog.results.list({ limit: 100 }),
    latestResults: await catalog.results.latest(digest('one')),
    latestReports: await catalog.reports.latest(digest('one')),
    waivers: await catalog.waivers.list({ limit: 100 }),
    inForce: await catalog.waivers.inForce('stable', digest('one'), time(1)),
    tokens: await catalog.tokens.list({ limit: 100 }),
    token: await catalog.tokens.byName('ci'),
    audit: await catalog.audit.list({ limit: 100 }),
    auditSince: await catalog.audit.list({ since: time(2), limit: 100 }),
    readOnly: await catalog.modes.readOnly(),
    purges: await catalog.purges.list({ limit: 100 }),
    naming: await catalog.manifests.naming(digest('one'), { limit: 100 }),
    holding: (await catalog.candidates.holding(digest('one'), { limit: 100 })).items.length,
    tagsHolding: (await catalog.channels.holding(digest('r'), { limit: 100 })).items,
    open: await catalog.promotions.inStates(['queued', 'gating']),
    publications: (await catalog.publications.list('main', { limit: 100 })).items,
    latest: await catalog.publications.latest('private'),
    serials: await Promise.all(TREES.map((tree) => catalog.pool.serial(tree))),
    pool: await Array.fromAsync(catalog.pool.list('private')),
    condemned: await catalog.pool.condemned('main', time(100), 10),
    garbage: (await catalog.garbage.list({ limit: 10 })).items,
    given: await catalog.candidates.current('app', 'collected'),
    confirmations: (await catalog.confirmations.list('main', { limit: 10 })).items,
    mirrors: await catalog.confirmations.mirrors('main'),
    tasks: (await catalog.tasks.list({ limit: 100 })).items,
    pending: await catalog.outbox.pending(new Date(Date.now() + MINUTE_MS).toISOString(), 100),
  };
}

async function* streamed(entries: readonly CatalogEntry[]): AsyncGenerator<CatalogEntry> {
  for (const entry of entries) yield await Promise.resolve(entry);
}

async function* cutOff(entries: readonly CatalogEntry[], after: number): AsyncGenerator<CatalogEntry> {
  yield* streamed(entries.slice(0, after));
  throw new Error('cut off');
}
