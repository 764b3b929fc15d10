import { randomUUID } from 'node:crypto';
import { makeImage, makeLayer, type MadeManifest } from '@gantry/registry';
import { inParallel } from '../fixtures/in-parallel.ts';
import { randomBytes } from '../fixtures/random-bytes.ts';
import { CANDIDATES } from '../fixtures/build-registry.ts';
import { ADMIN_TOKEN } from '../servers/gantry.ts';
import { until } from '../servers/until.ts';
import { plainClient } from '../../packages/messages/src/contract/plain-client.ts';
import { SOURCE } from '../end-to-end/engines-world.ts';
import { type Asked, expectEachOnce, haveEnded, WITHIN_MS } from './each-once.ts';
import type { FaultWorld } from './engines-world.ts';

/** Few, so that promotions meet in the same documents; each of them moves the tag `latest` too. */
const REPOSITORIES = ['fault/one', 'fault/two', 'fault/three'];
/** One that was stopped takes a request and is silent. */
const ANSWERS_WITHIN_MS = 10_000;
const CLIENT = 'https://ci.example.org/faults';

const base = makeLayer([{ path: '/base', content: randomBytes('fault base', 60_000) }]);

export function image(name: string): MadeManifest {
  const own = makeLayer([{ path: '/own', content: randomBytes(`fault ${name}`, 9000) }]);
  return makeImage({ platform: { os: 'linux', architecture: 'amd64' }, layers: [base, own] });
}

/** Promotions of a world, from the push of their images to their end. What was asked for is kept, to be checked as a whole. */
export interface PromotionRun {
  /**
   * Pushes so many images, has them synced, and asks for their promotions: half of them by messages, each `copies` times,
   * half by REST, again until it is answered. Resolves when all have been accepted and have ended.
   */
  round(count: number, copies?: number): Promise<void>;
  /** Looks at all that was asked for so far: catalog, tree, and events. */
  expectEachOnce(): Promise<void>;
}

export function openPromotionRun(world: FaultWorld): PromotionRun {
  const { catalog, registry } = world;
  const asked: Asked[] = [];

  const round = async (count: number, copies = 1) => {
    const wanted = Array.from({ length: count }, (_, at): Asked => {
      const number = asked.length + at;
      const repository = REPOSITORIES[number % REPOSITORIES.length] as string;
      const tag = `v${number}`;
      const made = image(tag);
      registry.push(`${CANDIDATES}${repository}`, made, tag);
      return { repository, tag, digest: made.digest };
    });
    asked.push(...wanted);
    await command(world, 'command.sync', { source: SOURCE });
    await inParallel(wanted.entries(), 4, async ([at, one]) => {
      await until(`the candidate ${one.tag}`, () => catalog.candidates.current(one.repository, one.tag), {
        withinMs: WITHIN_MS,
      });
      const { repository, tag } = one;
      const body = { items: [{ repository, reference: tag, tags: [tag, 'latest'] }], to: 'stable' };
      if (at % 2 === 0) await command(world, 'command.promote', body, copies);
      else await post(world, body);
    });
    await until('all that was asked for to end', () => haveEnded(world, asked.length), {
      withinMs: WITHIN_MS,
    });
  };

  return { round, expectEachOnce: () => expectEachOnce(world, asked) };
}

/** A command by the exchange, which no proxy is before. Resolves when the broker has it. */
async function command(world: FaultWorld, type: string, data: object, copies = 1): Promise<void> {
  const event = { specversion: '1.0', id: randomUUID(), source: CLIENT, type, data };
  const properties = { contentType: 'application/cloudevents+json', persistent: true };
  let left = copies;
  await until(
    'the broker to take a command',
    async () => {
      await using client = await plainClient(world.broker.url());
      for (; left > 0; left--) await client.publish('gantry', type, JSON.stringify(event), properties);
      return true;
    },
    { withinMs: WITHIN_MS },
  );
}

/** By the API of whichever service answers in time: what is asked for again, with its key, is the same promotion. */
async function post(world: FaultWorld, body: object): Promise<void> {
  const headers = {
    Authorization: `Bearer ${ADMIN_TOKEN}`,
    'Content-Type': 'application/json',
    'Idempotency-Key': randomUUID(),
  };
  let turn = 0;
  await until(
    'a promotion to be accepted',
    async () => {
      const workers = world.workers('promote');
      const url = `${workers[turn++ % workers.length]?.api.url}/api/v1/promotions`;
      const signal = AbortSignal.timeout(ANSWERS_WITHIN_MS);
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal });
      await answer.text();
      return answer.status === 202;
    },
    { withinMs: WITHIN_MS },
  );
}
