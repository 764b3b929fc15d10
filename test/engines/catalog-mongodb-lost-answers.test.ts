import { promotionRecord } from '@gantry/catalog';
import { auditFact, candidate, eventOf, promotion } from '../../packages/catalog/src/contract/samples.ts';
import { type MongoServer, startMongoJavaServer } from '../servers/mongo-java-server.ts';
import { needs } from '../servers/parts.ts';
import { until } from '../servers/until.ts';
import { proxiedCatalog } from './proxied-catalog.ts';
import { stateOf, writeBesideIt, writeOfMainJob } from './writes-of-all-nouns.ts';

const LATER = '9999-01-01T00:00:00.000Z';
const WRITES = new Set(['insert', 'update', 'delete', 'findAndModify']);

let server: MongoServer;
const real = needs('mongo-java-server').showing(() => [server]);
real.beforeAll(async () => {
  server = await startMongoJavaServer();
}, 60_000);
real.afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
}, 30_000);

for (const [what, writeAll] of [
  ['of the main job', writeOfMainJob],
  ['beside it', writeBesideIt],
] as const) {
  real.test(
    `when every second answer to each kind of write ${what} is lost, all is as if none had been`,
    async () => {
      await using calm = await proxiedCatalog(server);
      await writeAll(calm.catalog);
      const expected = await stateOf(calm.direct);

      await using at = await proxiedCatalog(server);
      const counts = new Map<string, number>();
      let lost = 0;
      at.proxy.rule = ({ name: command, collection }) => {
        if (!WRITES.has(command)) return 'pass';
        const kind = `${command} ${collection}`;
        const nth = (counts.get(kind) ?? 0) + 1;
        counts.set(kind, nth);
        if (nth % 2 === 0) return 'pass';
        lost += 1;
        return 'lose';
      };
      await writeAll(at.catalog);
      expect(await stateOf(at.direct)).toEqual(expected);
      expect(lost).toBeGreaterThan(15);
    },
    60_000,
  );
}

real.test(
  'an answer that is lost is known for the own one, also after another has written on top of it',
  async () => {
    await using at = await proxiedCatalog(server);
    const { catalog, direct, proxy } = at;
    const { promotion: made } = await direct.promotions.create(promotion('p1'));
    const published = Promise.withResolvers<void>();
    let lost = false;
    proxy.rule = async ({ name, collection }) => {
      if (name === 'update' && collection === 'promotions' && !lost) {
        lost = true;
        return 'lose';
      }
      if (lost) await published.promise; // nothing more until the other has written
      return 'pass';
    };
    const gating = catalog.promotions.replace({ ...made, state: 'gating' }, [
      eventOf(promotionRecord(made), 'gating'),
    ]);
    const seen = await until('the write whose answer was lost', async () => {
      const found = await direct.promotions.get('p1');
      return found?.state === 'gating' ? found : undefined;
    });
    await direct.promotions.replace({ ...seen, state: 'failed' });
    published.resolve();
    expect(await gating).toEqual({ ...made, state: 'gating', revision: 2 });
    expect(await direct.promotions.get('p1')).toMatchObject({ state: 'failed', revision: 3 });
    expect((await direct.outbox.pending(LATER, 10)).map(({ type }) => type)).toEqual(['gating']);
  },
  30_000,
);

real.test(
  'an entry of the audit log whose answer is lost is known for the own one, also after another has appended behind it',
  async () => {
    await using at = await proxiedCatalog(server);
    const { catalog, direct, proxy } = at;
    await direct.audit.append([auditFact('first')]);
    const appended = Promise.withResolvers<void>();
    let lost = false;
    proxy.rule = async ({ name, collection }) => {
      if (name === 'insert' && collection === 'audit' && !lost) {
        lost = true;
        return 'lose';
      }
      if (lost) await appended.promise; // nothing more until the other has appended
      return 'pass';
    };
    const own = catalog.audit.append([auditFact('own'), auditFact('own too')]);
    await until('the entries whose answer was lost', async () => (await direct.audit.head())?.sequence === 3);
    await direct.audit.append([auditFact('behind')]);
    appended.resolve();
    const all = await direct.audit.after(0, 10);
    expect(all.map(({ target }) => target)).toEqual(['first', 'own', 'own too', 'behind']);
    expect(await own).toEqual(all.slice(1, 3));
    expect(await direct.audit.after(0, 10)).toEqual(all);
  },
  30_000,
);

real.test(
  'a candidate that is put again while its removal is answered stays',
  async () => {
    await using at = await proxiedCatalog(server);
    const { catalog, direct, proxy } = at;
    await direct.candidates.put(candidate());
    const putAgain = Promise.withResolvers<void>();
    let lost = false;
    proxy.rule = async ({ name, collection }) => {
      if (name === 'delete' && collection === 'candidates' && !lost) {
        lost = true;
        return 'lose';
      }
      if (lost) await putAgain.promise;
      return 'pass';
    };
    const removed = catalog.candidates.remove([candidate()]);
    await until('the removal', async () => (await direct.candidates.current('app', 'latest')) === undefined);
    await direct.candidates.put(candidate());
    putAgain.resolve();
    await removed;
    expect(await direct.candidates.current('app', 'latest')).toEqual(candidate());
  },
  30_000,
);
