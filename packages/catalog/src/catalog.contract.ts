import type { Catalog } from './catalog.ts';
import { auditContract } from './contract/audit.ts';
import { candidatesContract } from './contract/candidates.ts';
import { channelsContract } from './contract/channels.ts';
import { confirmationsContract } from './contract/confirmations.ts';
import { failuresContract } from './contract/failures.ts';
import { garbageContract } from './contract/garbage.ts';
import { leasesContract } from './contract/leases.ts';
import { manifestsContract } from './contract/manifests.ts';
import { modesContract } from './contract/modes.ts';
import { outboxContract } from './contract/outbox.ts';
import { plansContract } from './contract/plans.ts';
import { poolContract } from './contract/pool.ts';
import { promotionsContract } from './contract/promotions.ts';
import { publicationsContract } from './contract/publications.ts';
import { purgesContract } from './contract/purges.ts';
import { reportsContract } from './contract/reports.ts';
import { resultsContract } from './contract/results.ts';
import { retractionsContract } from './contract/retractions.ts';
import { tasksContract } from './contract/tasks.ts';
import { tokensContract } from './contract/tokens.ts';
import { waiversContract } from './contract/waivers.ts';
import { workersContract } from './contract/workers.ts';

/** Where one test keeps its catalog: empty at first, and gone with all its connections when it is disposed of. */
export interface CatalogPlace extends AsyncDisposable {
  /** Opens the same catalog once more, as another process would. */
  connect(): Promise<Catalog>;
}

/** What every implementation of `Catalog` must hold, told by what a caller sees. `open` makes a new empty place. */
export function catalogContract(name: string, open: () => Promise<CatalogPlace>): void {
  describe(`the catalog contract, ${name}`, () => {
    describe('manifests', () => manifestsContract(open));
    describe('candidates', () => candidatesContract(open));
    describe('failures', () => failuresContract(open));
    describe('channels', () => channelsContract(open));
    describe('plans', () => plansContract(open));
    describe('promotions', () => promotionsContract(open));
    describe('retractions', () => retractionsContract(open));
    describe('results', () => resultsContract(open));
    describe('reports', () => reportsContract(open));
    describe('waivers', () => waiversContract(open));
    describe('publications', () => publicationsContract(open));
    describe('confirmations', () => confirmationsContract(open));
    describe('pool', () => poolContract(open));
    describe('garbage', () => garbageContract(open));
    describe('tasks', () => tasksContract(open));
    describe('leases', () => leasesContract(open));
    describe('workers', () => workersContract(open));
    describe('tokens', () => tokensContract(open));
    describe('audit', () => auditContract(open));
    describe('modes', () => modesContract(open));
    describe('purges', () => purgesContract(open));
    describe('outbox', () => outboxContract(open));

    test('what one connection was acknowledged, another reads, also after the first is closed', async () => {
      await using place = await open();
      const first = await place.connect();
      const second = await place.connect();
      await first.pool.apply('tree', 7, [], []);
      expect(await second.pool.serial('tree')).toBe(7);
      const last = first.pool.apply('tree', 8, [], []);
      await first[Symbol.asyncDispose]();
      await last; // disposing ended the write that was under way
      expect(await second.pool.serial('tree')).toBe(8);
    });

    test('a closed catalog says so', async () => {
      await using place = await open();
      const catalog = await place.connect();
      await catalog[Symbol.asyncDispose]();
      await catalog[Symbol.asyncDispose](); // twice is no error
      await expect(catalog.pool.serial('tree')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await expect(catalog.pool.apply('tree', 1, [], [])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    });
  });
}
