import type { Catalog, OutboxEvent } from '@gantry/catalog';
import { makeImage, makeLayer, makeSbom } from '@gantry/registry';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { acceptPromotion } from '../promote/accept.ts';
import { runPromotion } from '../promote/run-promotion.ts';
import { createPublisher } from '../publish/publisher.ts';
import { until } from '../until.fixture.ts';
import { recordTask } from '../work/create-task.ts';
import { runTask } from '../work/run-task.ts';

const amd64 = { os: 'linux', architecture: 'amd64' };
const image = (text: string) =>
  makeImage({ platform: amd64, layers: [makeLayer([{ path: 'a', content: text }])] });
const LATER = '9999-01-01T00:00:00.000Z';

/** Takes all events out of the outbox. */
async function taken({ flow }: FlowFixture): Promise<OutboxEvent[]> {
  const events = await flow.catalog.outbox.pending(LATER, 1000);
  await flow.catalog.outbox.sent(events);
  return events;
}
const told = async (fixture: FlowFixture) =>
  (await taken(fixture)).map(({ type, subject }) => `${type} ${subject}`);

const ok = async () => ({ state: 'done' as const, errors: [] });
const item = (reference: string) => ({ repository: 'app', reference });

/** Two candidates, their events taken. */
async function openSynced(): Promise<FlowFixture> {
  const fixture = await openFlow();
  for (const tag of ['1', '2']) fixture.upstream.push('app', image(tag), tag);
  await fixture.sync();
  await taken(fixture);
  return fixture;
}

describe('the events of a sync', () => {
  test('are those of tags that are new or have moved, and of no other', async () => {
    await using fixture = await openFlow();
    const { upstream } = fixture;
    for (const tag of ['1', '2', '3']) upstream.push('app', image(tag), tag);
    await fixture.sync();
    expect((await told(fixture)).toSorted()).toEqual([
      'candidate.synced app:1',
      'candidate.synced app:2',
      'candidate.synced app:3',
    ]);
    await fixture.sync();
    expect(await told(fixture)).toEqual([]);
    upstream.push('app', image('other'), '2');
    upstream.push('app', makeSbom(image('1'), 'app')); // belongs to a tag that stays
    await fixture.sync();
    const events = await taken(fixture);
    expect(events.map(({ subject, data }) => [subject, data['former'], data['digest']])).toEqual([
      ['app:2', image('2').digest, image('other').digest],
    ]);
    expect((await fixture.flow.catalog.candidates.current('app', '1'))?.referrers).toHaveLength(1);
  });

  test('cost no write of their own', async () => {
    await using fixture = await openFlow();
    const counting = countWrites(fixture.flow.catalog);
    Object.assign(fixture.flow, { catalog: counting.catalog });
    for (let tag = 0; tag < 40; tag++) fixture.upstream.push('app', image('same'), `t${tag}`);
    await fixture.sync();
    expect(counting.writes).toEqual({
      'candidates.put': 40,
      'candidates.turn': 40, // in SQLite a read, in MongoDB a number that the put would take itself
      'garbage.some': 41, // a read
      'leases.acquire': 1,
      'leases.release': 1,
      'purges.some': 1, // a read
    });
    expect(await taken(fixture)).toHaveLength(40);
  });

  test('are made once by two that sync the same tag side by side', async () => {
    await using fixture = await openFlow();
    fixture.upstream.push('app', image('1'), '1');
    const items = [{ sourceRepository: 'app', tags: ['1'] }];
    await fixture.sync({ items });
    await fixture.sync({ items });
    expect(await told(fixture)).toEqual(['candidate.synced app:1']);
  });
});

test("a task's end is told once, by who ends it; of a cancelled one nothing is told", async () => {
  await using fixture = await openFlow();
  const { flow } = fixture;
  const stop = new AbortController().signal;
  const done = await recordTask(flow, 'sync', { source: 'candidates' });
  const bad = await recordTask(flow, 'sync', { source: 'candidates' });
  const cancelled = await recordTask(flow, 'sync', { source: 'candidates' });
  const publish = await recordTask(flow, 'publish', {});
  await runTask(flow, done.id, ok, stop);
  await runTask(flow, done.id, ok, stop);
  await runTask(flow, bad.id, () => Promise.reject(new Error('not so')), stop);
  const cancel = async () => {
    const now = await flow.catalog.tasks.get(cancelled.id);
    if (now !== undefined) await flow.catalog.tasks.replace({ ...now, state: 'cancelled' });
    return ok();
  };
  await runTask(flow, cancelled.id, cancel, stop);
  await runTask(flow, publish.id, ok, stop);
  const events = await taken(fixture);
  expect(events.map(({ id }) => id).toSorted()).toEqual(
    [`task/${done.id}/done`, `task/${bad.id}/failed`].toSorted(),
  );
  expect(events.find(({ type }) => type === 'sync.failed')?.data).toMatchObject({
    source: 'candidates',
    state: 'failed',
    errors: [{ item: 'candidates' }],
  });
});

describe('the events of a promotion', () => {
  test('are its acceptance and its end, with the serial, and the publication between them', async () => {
    await using fixture = await openSynced();
    const id = await fixture.promote({ items: [item('1'), item('none')], to: 'stable' });
    expect(await told(fixture)).toEqual([`promotion.accepted ${id}`, `promotion.publishing ${id}`]);
    await fixture.publisher.publishPending();
    const events = await taken(fixture);
    expect(events.map((event) => event.id)).toEqual(['publication/main/1/done', `promotion/${id}/partial`]);
    expect(events[0]?.data).toMatchObject({ serial: 1, promotions: [id] });
    expect(events[1]?.data).toMatchObject({
      state: 'partial',
      serial: 1,
      items: [{ state: 'done', digest: image('1').digest }, { state: 'refused' }],
    });
    await fixture.publisher.publishAll();
    expect(await told(fixture)).toEqual([]); // nothing has changed
  });

  test('are one alone when it is refused, or asked for again', async () => {
    await using fixture = await openSynced();
    const { flow, channels } = fixture;
    const requester = { name: 'ci', idempotencyKey: 'ci 1' };
    const ask = () => acceptPromotion(flow, channels, { items: [item('none')], to: 'stable' }, requester);
    const { promotion } = await ask();
    await Promise.all([ask(), ask()]);
    expect(await told(fixture)).toEqual([`promotion.refused ${promotion.id}`]);
  });

  test('are its acceptance and its failure when its content is not whole', async () => {
    await using fixture = await openSynced();
    await fixture.flow.store.delete(image('1').blobs[0]?.digest ?? image('1').digest);
    const id = await fixture.promote({ items: [item('1')], to: 'stable' });
    expect(await told(fixture)).toEqual([`promotion.accepted ${id}`, `promotion.failed ${id}`]);
  });

  test('are no more by many workers that run it at once, and by a publisher who lost the race', async () => {
    await using fixture = await openSynced();
    const { flow, channels, tree } = fixture;
    const { promotion } = await acceptPromotion(
      flow,
      channels,
      { items: [item('2')], to: 'stable' },
      {
        name: 'ci',
      },
    );
    await Promise.all(Array.from({ length: 5 }, () => runPromotion(flow, channels, promotion.id)));
    const other = createPublisher(flow, tree);
    await Promise.all([fixture.publisher.publishPending(), other.publishPending()]);
    await until('the promotion to be done', async () => {
      await fixture.publisher.publishPending();
      return (await flow.catalog.promotions.get(promotion.id))?.state === 'done';
    });
    expect(await told(fixture)).toEqual([
      `promotion.accepted ${promotion.id}`,
      `promotion.publishing ${promotion.id}`,
      'publication.done main 1',
      `promotion.done ${promotion.id}`,
    ]);
  });

  test('come from who takes over when a publisher dies between the pointer and the catalog', async () => {
    await using fixture = await openSynced();
    const { flow, tree } = fixture;
    const id = await fixture.promote({ items: [item('1')], to: 'stable' });
    const { publications } = flow.catalog;
    const dying = createPublisher(
      {
        ...flow,
        catalog: {
          ...flow.catalog,
          publications: {
            ...publications,
            put: (publication, events) =>
              publication.state === 'published'
                ? Promise.reject(new Error('killed'))
                : publications.put(publication, events),
          },
        },
      },
      tree,
    );
    await expect(dying.publishPending()).rejects.toThrow('killed');
    expect(await told(fixture)).toEqual([`promotion.accepted ${id}`, `promotion.publishing ${id}`]);
    await createPublisher(flow, tree).publishPending();
    expect(await told(fixture)).toEqual(['publication.done main 1', `promotion.done ${id}`]);
    expect((await publications.get('main', 1))?.state).toBe('published');
  });

  test('come also when the pool was not brought up to the publication', async () => {
    await using fixture = await openSynced();
    const { flow, tree } = fixture;
    const id = await fixture.promote({ items: [item('1')], to: 'stable' });
    const pool = { ...flow.catalog.pool, apply: () => Promise.reject(new Error('killed')) };
    const dying = createPublisher({ ...flow, catalog: { ...flow.catalog, pool } }, tree);
    await expect(dying.publishPending()).rejects.toThrow('killed');
    await createPublisher(flow, tree).publishPending();
    expect(await told(fixture)).toEqual([
      `promotion.accepted ${id}`,
      `promotion.publishing ${id}`,
      'publication.done main 1',
      `promotion.done ${id}`,
    ]);
    expect(await flow.catalog.pool.serial('main')).toBe(1);
  });
});

const READS = /^(?:get|list|all|current|by|in|due|source|tag|repositories|latest|serial|pending|on)/;

/** The catalog, and how often each of its writes was made. */
function countWrites(catalog: Catalog) {
  const writes: Record<string, number> = {};
  const counted = Object.entries(catalog).map(([noun, part]) => {
    if (typeof part !== 'object') return [noun, part];
    const calls = Object.entries(part as Record<string, (...args: unknown[]) => unknown>).map(
      ([name, call]) => {
        if (READS.test(name)) return [name, call];
        const count = (...args: unknown[]) => {
          writes[`${noun}.${name}`] = (writes[`${noun}.${name}`] ?? 0) + 1;
          return call(...args);
        };
        return [name, count];
      },
    );
    return [noun, Object.fromEntries(calls)];
  });
  return { writes, catalog: Object.fromEntries(counted) as Catalog };
}
