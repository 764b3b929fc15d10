import { candidateRecord, openCatalog } from '@gantry/catalog';
import { MongoClient } from 'mongodb';
import {
  auditFact,
  candidate,
  channelTag,
  digest,
  eventOf,
  failure,
  manifest,
  poolObject,
  promotion,
  purge,
  result,
  retraction,
  task,
  time,
  tokenRecord,
} from '../../packages/catalog/src/contract/samples.ts';
import { MONGO_ENGINES, onMongoEngine } from '../servers/mongo-engines.ts';

const LATER = '9999-01-01T00:00:00.000Z';
const MINUTE_MS = 60_000;

for (const engine of MONGO_ENGINES) {
  onMongoEngine(engine, (server) => {
    test('what is no text never reaches a filter', async () => {
      await using database = server.newDatabase();
      await using catalog = await openCatalog({ mongodb: { url: database.url } });
      await catalog.candidates.put(candidate());
      await catalog.promotions.create(promotion('p1', { idempotency: { key: 'key', body: digest('body') } }));
      await catalog.channels.apply('stable', 'app', [channelTag()], []);
      await catalog.leases.acquire('publish', 'one', MINUTE_MS);
      await catalog.pool.apply('tree', 1, [poolObject('a')], []);
      const any = { $gt: '' } as never;
      const page = { limit: 10 };
      const asked: (() => Promise<unknown>)[] = [
        () => catalog.manifests.get(any),
        () => catalog.manifests.getAll([any]),
        () => catalog.manifests.naming(any, page),
        () => catalog.manifests.remove([any]),
        () => catalog.candidates.holding(any, page),
        () => catalog.candidates.remove([candidate({ tag: any })]),
        () => catalog.channels.holding(any, page),
        () => catalog.plans.get(any),
        () => catalog.plans.forget(any),
        () => catalog.promotions.forgetKeys(any),
        () => catalog.retractions.of(any, any),
        () => catalog.retractions.put([retraction({ tag: any })]),
        () => catalog.results.get(any),
        () => catalog.results.latest(any),
        () => catalog.results.list({ testcase: any, ...page }),
        () => catalog.reports.get(any),
        () => catalog.reports.latest(any),
        () => catalog.reports.list({ source: any, ...page }),
        () => catalog.waivers.get(any),
        () => catalog.waivers.revoke(any, 'test', time(0)),
        () => catalog.waivers.inForce('stable', digest('one'), any),
        () => catalog.waivers.list({ channel: any, ...page }),
        () => catalog.tokens.get(any),
        () => catalog.tokens.byName(any),
        () => catalog.tokens.revoke(any, 'test', time(0)),
        () => catalog.audit.after(any, 10),
        () => catalog.audit.append([auditFact('x', { actor: any })]),
        () => catalog.audit.list({ actor: any, ...page }),
        () => catalog.audit.list({ since: any, ...page }),
        () => catalog.purges.get(any),
        () => catalog.purges.getAll([any]),
        () => catalog.candidates.current(any, any),
        () => catalog.candidates.byDigest('app', any),
        () => catalog.candidates.currentOf(any, any),
        () => catalog.candidates.markGone(any, any, any, time(0)),
        () => catalog.candidates.sourceOf(any),
        () => catalog.candidates.list({ repository: any, ...page }),
        () => catalog.candidates.list({ since: any, ...page }),
        () => catalog.failures.due(any, any, 10),
        () => catalog.failures.getAll([{ source: any, sourceRepository: any }]),
        () => catalog.failures.list({ source: any, ...page }),
        () => catalog.failures.remove([{ source: any, sourceRepository: any }]),
        () => catalog.channels.apply(any, 'app', [], ['latest']),
        () => catalog.channels.apply('stable', 'app', [], [any]),
        () => catalog.channels.tag('stable', 'app', any),
        () => catalog.channels.tagsOf(any, any),
        () => catalog.channels.byDigest('stable', 'app', any),
        () => catalog.channels.repositories(any, page),
        () => catalog.promotions.get(any),
        () => catalog.promotions.byIdempotencyKey(any),
        () => catalog.promotions.inStates([any]),
        () => catalog.promotions.list({ to: any, ...page }),
        () => catalog.promotions.replace({ id: any, revision: any, state: 'done' } as never),
        () => catalog.publications.get(any, 1),
        () => catalog.publications.get('tree', any),
        () => catalog.publications.latest(any),
        () => catalog.pool.getAll('tree', [any]),
        () => catalog.pool.apply(any, 9, [], []),
        () => catalog.pool.serial(any),
        () => Array.fromAsync(catalog.pool.list(any)),
        () => catalog.tasks.get(any),
        () => catalog.tasks.list({ state: any, ...page }),
        () => catalog.leases.acquire(any, 'two', MINUTE_MS),
        () => catalog.leases.release({ name: 'publish', holder: any, fence: 1, expiresAt: '' }),
        () => catalog.leases.renew({ name: 'publish', holder: 'one', fence: any, expiresAt: '' }, 0),
        () => catalog.workers.leave(any),
        () => catalog.outbox.pending(any, 10),
        () => catalog.outbox.sent([{ id: any, record: { noun: 'promotions', key: any } } as never]),
      ];
      for (const ask of asked) await expect(ask()).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
      expect(await catalog.channels.tagsOf('stable', 'app')).toHaveLength(1);
      expect(await catalog.leases.list()).toHaveLength(1);
    });

    test('names with dollars and dots are names like any other', async () => {
      await using database = server.newDatabase();
      await using catalog = await openCatalog({ mongodb: { url: database.url } });
      const names = ['$where', '$gt', 'a.b', '$', '.', '$set.a', 'a.$.b', 'a.$[].b', '{"$gt":""}'];
      const labels = Object.fromEntries(names.map((name) => [name, name]));
      for (const name of names) {
        const one = candidate({ source: name, sourceRepository: name, repository: name, tag: name, labels });
        await catalog.candidates.put(one, [eventOf(candidateRecord(one), name, { data: { labels } })]);
        expect(await catalog.candidates.current(name, name)).toEqual(one);
        expect([...(await catalog.candidates.currentOf(name, name)).values()]).toEqual([one]);
        expect((await catalog.candidates.list({ tag: name, limit: 10 })).items).toEqual([one]);
        const tag = channelTag({ channel: name, repository: name, tag: name });
        await catalog.channels.apply(name, name, [tag], []);
        expect(await catalog.channels.tag(name, name, name)).toEqual(tag);
        expect((await catalog.channels.repositories(name, { limit: 10 })).items).toEqual([name]);
        const of = failure({ source: name, sourceRepository: name, tag: name });
        await catalog.failures.put([of]);
        expect(await catalog.failures.getAll([of])).toEqual([of]);
        expect((await catalog.failures.list({ source: name, limit: 10 })).items).toEqual([of]);
        await catalog.pool.apply(name, 1, [poolObject(name)], []);
        expect(await Array.fromAsync(catalog.pool.list(name))).toEqual([poolObject(name)]);
        expect((await catalog.leases.acquire(name, name, MINUTE_MS))?.fence).toBe(1);
        const made = await catalog.promotions.create(
          promotion(name, { idempotency: { key: name, body: digest(name) } }),
        );
        expect(await catalog.promotions.byIdempotencyKey(name)).toEqual(made.promotion);
        const asked = task(name, { parameters: { source: name, ...labels }, result: labels });
        await catalog.tasks.create(asked);
        expect(await catalog.tasks.get(name)).toEqual({ ...asked, revision: 1 });
        const shown = manifest(name, { annotations: labels });
        await catalog.results.put(
          result(name, { testcase: name, source: name, scenario: name, data: { [name]: [name] } }),
        );
        expect((await catalog.results.list({ testcase: name, source: name, limit: 10 })).items).toEqual([
          result(name, { testcase: name, source: name, scenario: name, data: { [name]: [name] } }),
        ]);
        await catalog.tokens.create(tokenRecord(name, { name }));
        expect(await catalog.tokens.byName(name)).toEqual(tokenRecord(name, { name }));
        await catalog.audit.append([auditFact(name, { actor: name, action: name })]);
        const { items } = await catalog.audit.list({ actor: name, action: name, limit: 10 });
        expect(items).toMatchObject([{ target: name }]);
        await catalog.retractions.put([retraction({ channel: name, repository: name, tag: name })]);
        expect(await catalog.retractions.of(name, name)).toHaveLength(1);
        await catalog.manifests.put(shown);
        expect(await catalog.manifests.get(shown.digest)).toEqual(shown);
      }
      const events = await catalog.outbox.pending(LATER, 100);
      expect(events.map(({ type, data }) => [type, data])).toEqual(names.map((name) => [name, { labels }]));
      await catalog.outbox.sent(events);
      expect(await catalog.outbox.pending(LATER, 100)).toEqual([]);
    });

    test('a counter that fell behind its records, as after a restore in part, catches up', async () => {
      await using database = server.newDatabase();
      await using catalog = await openCatalog({ mongodb: { url: database.url } });
      for (let at = 0; at < 5; at++) {
        await catalog.promotions.create(promotion(`p${at}`));
        await catalog.candidates.put(candidate({ tag: `t${at}` }));
        await catalog.tasks.create(task(`t${at}`));
        await catalog.results.put(result(`r${at}`));
        await catalog.tokens.create(tokenRecord(`t${at}`));
        await catalog.purges.create(purge(`p${at}`));
      }
      await using client = new MongoClient(database.url);
      await client.db().collection('counters').deleteMany({});
      const { promotion: made } = await catalog.promotions.create(promotion('p5'));
      expect(made.sequence).toBe(6);
      await catalog.candidates.put(candidate({ tag: 't0', digest: digest('newer') }));
      expect((await catalog.candidates.current('app', 't0'))?.digest).toBe(digest('newer'));
      await catalog.results.put(result('r5'));
      expect((await catalog.results.list({ limit: 1 })).items[0]?.id).toBe('r5');
      await catalog.tokens.create(tokenRecord('t5'));
      expect((await catalog.tokens.list({ limit: 1 })).items[0]?.id).toBe('t5');
      expect(await catalog.purges.create(purge('p5'))).toMatchObject({ created: true });
      await catalog.tasks.create(task('t5'));
      expect((await catalog.tasks.list({ limit: 1 })).items[0]?.id).toBe('t5');
    });
  });
}
