import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Catalog,
  openCatalog,
  type OutboxEvent,
  type Promotion,
  promotionRecord,
} from '@gantry/catalog';
import type { CloudEvent } from '@gantry/messages';
import { Fault } from '@gantry/oci';
import type { Log } from '../context.ts';
import { until } from '../until.fixture.ts';
import { startEventSender } from './event-sender.ts';

const LATER = '9999-01-01T00:00:00.000Z';
const away = () => new Fault('UNAVAILABLE', 'the broker does not answer');

/** A broker that can be away, and keeps what it took in the order in which it took it. */
class Broker {
  isAway = false;
  readonly tried: string[] = [];
  readonly taken: CloudEvent[] = [];
  /** What is done with an event before it is taken. */
  before: (event: CloudEvent) => Promise<void> = async () => {};

  async publish(event: CloudEvent): Promise<void> {
    this.tried.push(event.id);
    if (this.isAway) throw away();
    await this.before(event);
    this.taken.push(event);
  }

  get ids(): string[] {
    return this.taken.map(({ id }) => id);
  }
}

async function openPlace() {
  const root = await mkdtemp(join(tmpdir(), 'gantry-events-'));
  const resources = new AsyncDisposableStack();
  resources.defer(() => rm(root, { recursive: true, force: true }));
  const lines: { event: string; [field: string]: unknown }[] = [];
  const note = (fields: object, event: string) => void lines.push({ ...fields, event });
  const log: Log = { debug: note, info: note, warn: note, error: note };
  return {
    lines,
    /** A process of its own on the same catalog. */
    async process() {
      const catalog = resources.use(await openCatalog({ sqlite: { file: join(root, 'catalog.db') } }));
      return { catalog, flow: { catalog, log, holder: 'test' } };
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function promotion(id: string): Omit<Promotion, 'sequence' | 'revision'> {
  return {
    id,
    kind: 'promote',
    to: 'stable',
    state: 'queued',
    atomic: false,
    items: [],
    requestedBy: 'test',
    timeline: [],
    createdAt: '2026-11-21T09:00:00.000Z',
  };
}
function eventOf(id: string, what: string): OutboxEvent {
  return {
    id: `promotion/${id}/${what}`,
    type: `promotion.${what}`,
    subject: id,
    time: '2026-11-21T09:00:00.000Z',
    data: { id },
    record: promotionRecord({ id }),
  };
}
const accept = (catalog: Catalog, id: string) =>
  catalog.promotions.create(promotion(id), [eventOf(id, 'accepted')]);
async function end(catalog: Catalog, id: string): Promise<void> {
  const now = await catalog.promotions.get(id);
  if (now !== undefined) await catalog.promotions.replace({ ...now, state: 'done' }, [eventOf(id, 'done')]);
}
const numbers = (count: number) => Array.from({ length: count }, (_, at) => `p${at}`);

const isEmpty = async (catalog: Catalog) => (await catalog.outbox.pending(LATER, 1)).length === 0;

/** So long that no sweep takes part. */
const NEVER = { settledMs: 600_000, sweepEveryMs: 600_000 };
const SOON = { settledMs: 50, sweepEveryMs: 10 };

describe('events of this process', () => {
  test('are sent at once, in their order, and taken out of the outbox', async () => {
    await using place = await openPlace();
    const { catalog, flow } = await place.process();
    const broker = new Broker();
    await using _ = startEventSender({ flow, messages: broker, ...NEVER });
    for (const id of numbers(100)) await accept(catalog, id);
    await Promise.all(numbers(100).map((id) => end(catalog, id)));
    await until('the outbox to be empty', () => isEmpty(catalog));
    expect(broker.ids.slice(0, 100)).toEqual(numbers(100).map((id) => `promotion/${id}/accepted`));
    expect(broker.ids.slice(100).toSorted()).toEqual(
      numbers(100)
        .map((id) => `promotion/${id}/done`)
        .toSorted(),
    );
    expect(broker.taken[0]).toEqual({
      specversion: '1.0',
      id: 'promotion/p0/accepted',
      source: '/gantry',
      type: 'promotion.accepted',
      subject: 'p0',
      time: '2026-11-21T09:00:00.000Z',
      datacontenttype: 'application/json',
      data: { id: 'p0' },
    });
  });

  test('are taken out many at a time, and no event costs a read', async () => {
    await using place = await openPlace();
    const { catalog, flow } = await place.process();
    let [writes, reads] = [0, 0];
    const counting: Catalog = {
      ...catalog,
      outbox: {
        ...catalog.outbox,
        pending: (before, limit) => (reads++, catalog.outbox.pending(before, limit)),
        sent: (events) => (writes++, catalog.outbox.sent(events)),
      },
    };
    const broker = new Broker();
    await using _ = startEventSender({ flow: { ...flow, catalog: counting }, messages: broker, ...NEVER });
    await until('the first read of the outbox', () => reads === 1); // what was left by others
    await Promise.all(numbers(1000).map((id) => accept(catalog, id)));
    await until('the outbox to be empty', () => isEmpty(catalog));
    expect(broker.taken).toHaveLength(1000);
    expect(writes).toBeLessThanOrEqual(20);
    expect(reads).toBe(1);
  });

  test('of one record follow each other: none is sent before the broker has the one before it', async () => {
    await using place = await openPlace();
    const { catalog, flow } = await place.process();
    const broker = new Broker();
    const first = Promise.withResolvers<void>();
    broker.before = async ({ id }) => {
      if (id === 'promotion/p0/accepted') await first.promise;
    };
    await using _ = startEventSender({ flow, messages: broker, ...NEVER });
    await accept(catalog, 'p0');
    await end(catalog, 'p0');
    await accept(catalog, 'p1');
    await until('a first try', () => broker.tried.length > 0);
    expect(broker.tried).not.toContain('promotion/p0/done');
    first.resolve();
    await until('the outbox to be empty', () => isEmpty(catalog));
    expect(broker.ids.indexOf('promotion/p0/accepted')).toBeLessThan(broker.ids.indexOf('promotion/p0/done'));
    expect(broker.ids).toHaveLength(3);
  });

  test('are sent before it ends, in order', async () => {
    await using place = await openPlace();
    const { catalog, flow } = await place.process();
    const broker = new Broker();
    {
      await using _ = startEventSender({ flow, messages: broker, ...NEVER });
      await Promise.all(numbers(10).map((id) => accept(catalog, id)));
    }
    expect(broker.taken).toHaveLength(10);
    expect(await isEmpty(catalog)).toBe(true);
  });

  test('are sent once, though two services of the process start the sender, until the last has ended', async () => {
    await using place = await openPlace();
    const { catalog, flow } = await place.process();
    const broker = new Broker();
    const first = startEventSender({ flow, messages: broker, ...NEVER });
    {
      await using _ = startEventSender({ flow: { ...flow }, messages: broker, ...NEVER });
      await accept(catalog, 'p0');
      await first[Symbol.asyncDispose]();
      await first[Symbol.asyncDispose]();
      await accept(catalog, 'p1');
    }
    await accept(catalog, 'p2');
    expect(broker.ids).toEqual(['promotion/p0/accepted', 'promotion/p1/accepted']);
  });
});

describe('with the broker away', () => {
  test('events wait in the outbox, and go out in their order when it is back', async () => {
    await using place = await openPlace();
    const { catalog, flow } = await place.process();
    const broker = new Broker();
    broker.isAway = true;
    await using _ = startEventSender({ flow, messages: broker, ...NEVER });
    for (const id of numbers(5)) await accept(catalog, id);
    await until('some tries', () => broker.tried.length > 5);
    for (const id of numbers(5)) await end(catalog, id);
    expect(await catalog.outbox.pending(LATER, 100)).toHaveLength(10);
    broker.isAway = false;
    await until('the outbox to be empty', () => isEmpty(catalog));
    expect(broker.ids).toEqual([
      ...numbers(5).map((id) => `promotion/${id}/accepted`),
      ...numbers(5).map((id) => `promotion/${id}/done`),
    ]);
    const told = place.lines.map(({ event }) => event);
    expect(told.filter((event) => event === 'events.waiting')).toHaveLength(1); // not once a try
    expect(told.filter((event) => event === 'events.sent_again')).toHaveLength(1);
  });

  test('and for long, the sweep sends them first: the order holds', async () => {
    await using place = await openPlace();
    const { catalog, flow } = await place.process();
    const broker = new Broker();
    broker.isAway = true;
    await using _ = startEventSender({ flow, messages: broker, ...SOON });
    for (const id of numbers(20)) await accept(catalog, id);
    const oldAtMs = performance.now() + 2 * SOON.settledMs;
    await until(
      'tries until the events are old',
      () => broker.tried.length > 40 && performance.now() > oldAtMs,
    );
    broker.isAway = false;
    for (const id of numbers(20)) await end(catalog, id);
    await until('the outbox to be empty', () => isEmpty(catalog));
    expect([...new Set(broker.ids)]).toEqual([
      ...numbers(20).map((id) => `promotion/${id}/accepted`),
      ...numbers(20).map((id) => `promotion/${id}/done`),
    ]);
    await until('a line about the sweep', () => place.lines.some(({ event }) => event === 'events.swept'));
  });

  test('a process can end; another one sends what it left', async () => {
    await using place = await openPlace();
    const [one, other] = [await place.process(), await place.process()];
    const broker = new Broker();
    broker.isAway = true;
    {
      await using _ = startEventSender({ flow: one.flow, messages: broker, ...NEVER });
      for (const id of numbers(3)) await accept(one.catalog, id);
      await until('a first try', () => broker.tried.length > 0);
    }
    expect(broker.taken).toEqual([]);
    broker.isAway = false;
    await using _ = startEventSender({ flow: other.flow, messages: broker, ...SOON });
    await until('the outbox to be empty', () => isEmpty(other.catalog));
    expect(broker.ids).toEqual(numbers(3).map((id) => `promotion/${id}/accepted`));
  });
});

test('an event that the engine refuses as such is told in the log, and holds up no other', async () => {
  await using place = await openPlace();
  const { catalog, flow } = await place.process();
  const broker = new Broker();
  broker.before = async ({ id }) => {
    if (id === 'promotion/p1/accepted') throw new Fault('REQUEST_TOO_LARGE', 'more than the broker takes');
  };
  await using _ = startEventSender({ flow, messages: broker, ...NEVER });
  for (const id of numbers(3)) await accept(catalog, id);
  await until('the outbox to be empty', () => isEmpty(catalog));
  expect(broker.ids).toEqual(['promotion/p0/accepted', 'promotion/p2/accepted']);
  const [line] = place.lines.filter(({ event }) => event === 'event.unfit');
  expect(line).toMatchObject({ err: { code: 'REQUEST_TOO_LARGE' } });
});

describe('events of others', () => {
  test('are left to them while they are young, and sent by one when they are old, in order', async () => {
    await using place = await openPlace();
    const dead = await place.process();
    for (const id of numbers(30)) await accept(dead.catalog, id);
    for (const id of numbers(30)) await end(dead.catalog, id);
    const broker = new Broker();
    await using sweepers = new AsyncDisposableStack();
    const young = await place.process();
    sweepers.use(
      startEventSender({ flow: young.flow, messages: broker, settledMs: 600_000, sweepEveryMs: 5 }),
    );
    await accept(young.catalog, 'own');
    await until('a first event to be taken', () => broker.taken.length > 0);
    expect(broker.ids).toEqual(['promotion/own/accepted']);

    for (let count = 0; count < 3; count++) {
      const { flow } = await place.process();
      sweepers.use(startEventSender({ flow, messages: broker, ...SOON }));
    }
    await until('the outbox to be empty', () => isEmpty(dead.catalog));
    expect(broker.ids.slice(1)).toEqual([
      ...numbers(30).map((id) => `promotion/${id}/accepted`),
      ...numbers(30).map((id) => `promotion/${id}/done`),
    ]);
  });

  test('are read few at a time, however many there are', async () => {
    await using place = await openPlace();
    const { catalog, flow } = await place.process();
    await Promise.all(numbers(100).map((id) => accept(catalog, id)));
    const limits: number[] = [];
    const watched: Catalog = {
      ...catalog,
      outbox: {
        ...catalog.outbox,
        pending: (before, limit) => (limits.push(limit), catalog.outbox.pending(before, limit)),
      },
    };
    const broker = new Broker();
    await using _ = startEventSender({ flow: { ...flow, catalog: watched }, messages: broker, ...SOON });
    await until('the outbox to be empty', () => isEmpty(catalog));
    expect(broker.ids.toSorted()).toEqual(
      numbers(100)
        .map((id) => `promotion/${id}/accepted`)
        .toSorted(),
    );
    expect(Math.max(...limits)).toBeLessThanOrEqual(32);
  });

  test('are old by the clock of the catalog, not by that of this machine', async () => {
    await using place = await openPlace();
    const { catalog, flow } = await place.process();
    await accept(catalog, 'p0');
    const asked: string[] = [];
    const HOUR_MS = 3_600_000;
    const back = (time: string) => new Date(Date.parse(time) - HOUR_MS).toISOString();
    const ahead = (time: string) => new Date(Date.parse(time) + HOUR_MS).toISOString();
    // A catalog whose clock is an hour ahead of ours.
    const shifted: Catalog = {
      ...catalog,
      leases: {
        ...catalog.leases,
        acquire: async (...args) => {
          const lease = await catalog.leases.acquire(...args);
          return lease && { ...lease, expiresAt: ahead(lease.expiresAt) };
        },
      },
      outbox: {
        ...catalog.outbox,
        pending: (before, limit) => {
          asked.push(before);
          return catalog.outbox.pending(back(before), limit);
        },
      },
    };
    const broker = new Broker();
    await using _ = startEventSender({ flow: { ...flow, catalog: shifted }, messages: broker, ...SOON });
    await until('the outbox to be empty', () => isEmpty(catalog));
    expect(broker.ids).toEqual(['promotion/p0/accepted']);
    expect(Date.parse(asked[0] ?? '')).toBeGreaterThan(Date.now() + HOUR_MS / 2);
  });
});
