import type { Task } from '@gantry/catalog';
import { digestOf } from '@gantry/oci';
import { createTask } from '@gantry/pipeline';
import { type ApiFixture, openApi } from './api/api.fixture.ts';
import { until } from './api/until.fixture.ts';
import { type CollectionRules, startCollections } from './collections.ts';
import { startPromotionWorker } from './promotion-worker.ts';

const DAY_MS = 86_400_000;
const RULES: CollectionRules = { everyMs: DAY_MS, scrubBytesPerSecond: 1e9 };

const start = ({ flow, messages, publishers }: ApiFixture, rules: Partial<CollectionRules> = {}) =>
  startCollections({
    flow,
    messages,
    publishers,
    sources: [],
    graceMs: 0,
    rules: { ...RULES, ...rules },
  });

const tasksOf = async ({ flow }: ApiFixture, kind: Task['kind']) =>
  (await flow.catalog.tasks.list({ kind, limit: 100 })).items;

describe('POST /api/v1/collections', () => {
  test('is carried out by a worker: a dry run, a collection, a scrub', async () => {
    await using api = await openApi();
    await using collections = start(api);
    await using _ = await startPromotionWorker(
      api.flow,
      api.messages,
      api.publishers,
      api.channels,
      collections,
    );
    const bytes = Buffer.from('of nobody');
    const writer = await api.flow.store.write(digestOf(bytes), bytes.length);
    await writer.append(bytes);
    await writer.commit();
    const ask = async (body: object) => {
      const asked = await api.call('POST', '/api/v1/collections', { body });
      expect(asked).toMatchObject({ status: 202, body: { state: 'queued' } });
      const headers = { Prefer: 'wait=60' };
      return (await api.call('GET', `/api/v1/tasks/${asked.body.id}`, { headers })).body;
    };
    expect(await ask({ dryRun: true })).toMatchObject({
      kind: 'gc',
      state: 'done',
      result: { dryRun: true, store: { condemned: { blobs: 1, bytes: bytes.length } } },
    });
    expect(await ask({})).toMatchObject({
      result: { store: { condemned: { blobs: 1 } }, trees: [{ tree: 'main' }] },
    });
    expect(await ask({})).toMatchObject({ result: { store: { freed: { blobs: 1, bytes: bytes.length } } } });
    expect(await ask({ scrub: true })).toMatchObject({
      kind: 'scrub',
      state: 'done',
      result: { isThrough: true, damaged: [] },
    });
    const events = await api.flow.catalog.outbox.pending('9999', 100);
    expect(events.filter(({ type }) => type === 'gc.done').map(({ data }) => data)).toMatchObject([
      {
        state: 'done',
        store: { condemned: { objects: 1 }, freed: { objects: 0 } },
        trees: [{ tree: 'main' }],
      },
      { state: 'done', store: { freed: { objects: 1, bytes: bytes.length } } },
    ]);
  });

  test('is for administrators, and a scrub has no dry run', async () => {
    await using api = await openApi();
    const body = { dryRun: true, scrub: true };
    expect(await api.call('POST', '/api/v1/collections', { body })).toMatchObject({ status: 422 });
    expect(await api.call('POST', '/api/v1/collections', { body: {}, token: 'reader' })).toMatchObject({
      status: 403,
    });
  });
});

/** Lets a lease be as good as over. */
async function lapse({ flow }: ApiFixture, name: string): Promise<void> {
  const lease = (await flow.catalog.leases.list()).find((one) => one.name === name);
  if (lease === undefined) throw new Error(`nobody has ${name}`);
  await flow.catalog.leases.release(lease);
}

describe('what is due', () => {
  test('is asked for by one of several processes, not at the first start, and then once an interval', async () => {
    await using api = await openApi();
    const held = async () => (await api.flow.catalog.leases.list()).map(({ name }) => name);
    const [gc, scrub] = [`schedule-gc:${DAY_MS}`, `schedule-scrub:${2 * DAY_MS}`];
    const rules = { scrubEveryMs: 2 * DAY_MS };
    {
      await using processes = new AsyncDisposableStack();
      for (let n = 0; n < 2; n++) processes.use(start(api, rules));
      await until('it to be asked for', async () => (await held()).includes(scrub));
    }
    expect([await tasksOf(api, 'gc'), await tasksOf(api, 'scrub')]).toEqual([[], []]);
    await lapse(api, gc);
    {
      await using processes = new AsyncDisposableStack();
      for (let n = 0; n < 2; n++) processes.use(start(api, rules));
      await until('it to be asked for', async () => (await tasksOf(api, 'gc')).length > 0);
    }
    expect(await tasksOf(api, 'gc')).toMatchObject([{ parameters: { cause: 'schedule' }, state: 'queued' }]);
    expect(await tasksOf(api, 'scrub')).toEqual([]);
  });

  test('is not asked for while one is on its way', async () => {
    await using api = await openApi();
    await createTask(api.flow, api.messages, 'gc', {});
    const name = `schedule-gc:${DAY_MS}`;
    for (let times = 0; times < 2; times++) {
      await using _ = start(api);
      await until('it to be asked for', async () =>
        (await api.flow.catalog.leases.list()).some((lease) => lease.name === name),
      );
      await lapse(api, name);
    }
    expect(await tasksOf(api, 'gc')).toHaveLength(1);
  });
});
