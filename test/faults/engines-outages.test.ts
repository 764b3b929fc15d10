import { setTimeout as pause } from 'node:timers/promises';
import { plainClient } from '../../packages/messages/src/contract/plain-client.ts';
import { needs } from '../servers/parts.ts';
import { until } from '../servers/until.ts';
import { WITHIN_MS } from './each-once.ts';
import { type FaultWorld, openFaultWorld, PARTS, type Worker } from './engines-world.ts';
import { countCalls, momentOf, random } from './moments.ts';
import { openPromotionRun, type PromotionRun } from './promotion-run.ts';
import { SOAK } from './soak.ts';

/** Servers that go away in the middle of promotions, and the ways to them; and messages that are not as they should be. */
const TIMES = SOAK ? 5 : 1;
const PROMOTIONS = 10;
/** As long as a lease lasts: longer than what a worker holds is good for. */
const CATALOG_IS_AWAY_MS = 10_000;
const TEST_MS = 120_000 + TIMES * 120_000;

let world: FaultWorld;
let run: PromotionRun;
let calls: Readonly<Record<Worker['service'], number>>;

const real = needs(...PARTS).showing(() => world?.servers() ?? []);
real.beforeAll(async () => {
  world = await openFaultWorld({ each: 1 });
  await world.start('promote');
  run = openPromotionRun(world);
  calls = await countCalls(world, () => run.round(PROMOTIONS));
}, 300_000);
real.afterAll(async () => world?.[Symbol.asyncDispose](), 120_000);

/** Does something in the middle of a round, and waits until what it was asked for is done all the same. */
async function inTheMiddle(act: () => Promise<void>): Promise<void> {
  for (let time = 0; time < TIMES; time++) {
    const service = random() < 0.25 ? 'sync' : 'promote';
    const moment = momentOf(world.workers(service), Math.ceil(random() * 0.8 * calls[service]), () => {});
    const round = run.round(PROMOTIONS);
    await Promise.race([moment.reached, round]);
    moment.forget();
    await Promise.all([round, act()]);
  }
}

real.test(
  'a message that is delivered three times makes one promotion',
  async () => {
    await run.round(PROMOTIONS, 3);
    await run.expectEachOnce();
  },
  TEST_MS,
);

real.test(
  'messages that are not JSON do not stop the queue, and are seen by `gantry dead-letters`',
  async () => {
    const texts = ['this is not JSON', '{"specversion":"1.0"', '\u{0}\u{1}'];
    {
      await using client = await plainClient(world.broker.url());
      for (const text of texts) await client.publish('gantry', 'command.promote', text);
    }
    await run.round(PROMOTIONS);
    interface Letter {
      readonly queue: string;
      readonly text: string;
    }
    const letters = await until(
      'the messages to be parked',
      async () => {
        const { stdout } = await world.ask('dead-letters', '--output', 'json');
        const { items } = JSON.parse(stdout) as { items: readonly Letter[] };
        return items.length >= texts.length && items;
      },
      { withinMs: WITHIN_MS },
    );
    expect(letters.map(({ queue, text }) => [queue, text])).toEqual(
      texts.map((text) => ['gantry.commands', text]),
    );
    const { stdout } = await world.ask('dead-letters');
    expect(stdout).toContain('this is not JSON');
    await run.expectEachOnce();
  },
  TEST_MS,
);

real.test(
  'RabbitMQ is stopped and started in the middle of promotions: each ends once, and no event is lost',
  async () => {
    await inTheMiddle(async () => {
      await (random() < 0.5 ? world.broker.stop() : world.broker.kill());
      await world.broker.start();
    });
    await run.expectEachOnce();
  },
  TEST_MS,
);

real.test(
  'the connections to RabbitMQ are cut in the middle of promotions, again and again',
  async () => {
    await inTheMiddle(async () => {
      for (let cut = 0; cut < 3; cut++) {
        await world.brokerProxy.cut();
        await pause(random() * 500);
        await world.brokerProxy.open();
        await pause(random() * 1000);
      }
    });
    await run.expectEachOnce();
  },
  TEST_MS,
);

real.test(
  'the catalog’s server is stopped for ten seconds in the middle of promotions',
  async () => {
    await inTheMiddle(async () => {
      await world.mongo.stop();
      await pause(CATALOG_IS_AWAY_MS);
      await world.mongo.start();
    });
    await run.expectEachOnce();
  },
  TEST_MS,
);

real.test(
  'the connections to the catalog are cut in the middle of promotions, for ten seconds',
  async () => {
    await inTheMiddle(async () => {
      await world.mongoProxy.cut();
      await pause(SOAK ? CATALOG_IS_AWAY_MS : 3000);
      await world.mongoProxy.open();
    });
    await run.expectEachOnce();
  },
  TEST_MS,
);
