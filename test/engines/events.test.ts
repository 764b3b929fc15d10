import { randomUUID } from 'node:crypto';
import {
  type Catalog,
  openCatalog,
  type OutboxEvent,
  type Promotion,
  promotionRecord,
} from '@gantry/catalog';
import { type Messages, openMessages } from '@gantry/messages';
import { QUEUES, startEventSender } from '@gantry/pipeline';
import { type MongoServer, startMongoJavaServer } from '../servers/mongo-java-server.ts';
import { withParts } from '../servers/parts.ts';
import { type Rabbitmq, startRabbitmq } from '../servers/rabbitmq.ts';
import { until } from '../servers/until.ts';

const LATER = '9999-01-01T00:00:00.000Z';
const silent = { debug() {}, info() {}, warn() {}, error() {} };

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
    createdAt: new Date().toISOString(),
  };
}

/** Of a type that leads into a queue which lasts: so the test sees all that the broker took, whenever it looks. */
function eventOf(id: string, what: string): OutboxEvent {
  return {
    id: `promotion/${id}/${what}`,
    type: `command.${what}`,
    subject: id,
    time: new Date().toISOString(),
    data: { id },
    record: promotionRecord({ id }),
  };
}

async function promote(catalog: Catalog, ids: readonly string[]): Promise<void> {
  await Promise.all(
    ids.map(async (id) => {
      const made = await catalog.promotions.create(promotion(id), [eventOf(id, 'accepted')]);
      await catalog.promotions.replace({ ...made.promotion, state: 'done' }, [eventOf(id, 'done')]);
    }),
  );
}

/** What the broker has, once it has so many different ones. */
async function takenBy(messages: Messages, count: number): Promise<string[]> {
  const ids: string[] = [];
  await using _ = await messages.consume(QUEUES.commands, async ({ event }) => {
    ids.push(event.id);
  });
  await until(`${count} events`, () => new Set(ids).size >= count, { withinMs: 60_000 });
  return ids;
}

const numbered = (from: number) => Array.from({ length: 20 }, (_, at) => `p${from + at}`);

withParts('events of a MongoDB catalog by RabbitMQ', ['mongo-java-server', 'rabbitmq'], () => {
  let mongo: MongoServer;
  let broker: Rabbitmq;
  beforeAll(async () => {
    [mongo, broker] = await Promise.all([startMongoJavaServer(), startRabbitmq()]);
  }, 120_000);
  afterAll(async () => {
    await broker?.[Symbol.asyncDispose]();
    await mongo?.[Symbol.asyncDispose]();
  }, 60_000);

  test('wait while the broker is stopped, and none is lost; those of one promotion stay in their order', async () => {
    const url = mongo.url(`gantry_${randomUUID().slice(0, 8)}`);
    const exchange = `test-${randomUUID().slice(0, 8)}`;
    await using catalog = await openCatalog({ mongodb: { url } });
    await using messages = await openMessages({ amqp: { url: broker.url(), exchange } });
    await messages.depth(QUEUES.commands); // makes the queue
    {
      await using _ = startEventSender({ flow: { catalog, log: silent, holder: 'test' }, messages });
      await promote(catalog, numbered(0));
      await broker.stop();
      await promote(catalog, numbered(20));
      expect((await catalog.outbox.pending(LATER, 100)).length).toBeGreaterThanOrEqual(40);
      await broker.start();
      await promote(catalog, numbered(40));
      const isSent = async () => (await catalog.outbox.pending(LATER, 1)).length === 0;
      await until('an empty outbox', isSent, { withinMs: 60_000 });
    }
    const ids = await takenBy(messages, 120);
    const all = Array.from({ length: 60 }, (_, at) => `p${at}`);
    expect([...new Set(ids)].toSorted()).toEqual(
      all.flatMap((id) => [`promotion/${id}/accepted`, `promotion/${id}/done`]).toSorted(),
    );
    for (const id of all) {
      expect(ids.indexOf(`promotion/${id}/accepted`)).toBeLessThan(ids.indexOf(`promotion/${id}/done`));
    }
  }, 180_000);
});
