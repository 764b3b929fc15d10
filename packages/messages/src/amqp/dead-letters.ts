import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '@gantry/oci';
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import type { DeadLetter } from '../messages.ts';
import type { AmqpConnection } from './connection.ts';
import { TimeIsOver, within } from './deadline.ts';
import { deadLetter, idOf, parkedAtOf, replayed } from './envelope.ts';
import type { Names } from './names.ts';
import { LISTED_MAX } from '../shown.ts';
import type { Publisher } from './publisher.ts';
import type { Timing } from './timing.ts';
import { declareQueue, onOwnChannel } from './topology.ts';

/** Of more parked messages than these the first are looked at. */
const LOOKED_AT_MAX = 10_000;
/** How many are on their way back at once. A message may have 4 MiB. */
const AT_ONCE = 16;
/** How many more than are asked for wait to be sorted out. */
const SURPLUS = 100;
/** How long the next message of a queue may take that has one. */
const QUIET_MS = 5_000;
/** While others look at the same parked messages it is tried again, and each time the broker writes it in its log. */
const LOCK_PAUSE_MS = 50;
const LONGEST_LOCK_PAUSE_MS = 1_000;
/** How long the broker may take until what was given back is there again. */
const BACK_MS = 2_000;

interface Parts {
  readonly connection: AmqpConnection;
  readonly publisher: Publisher;
  readonly names: Names;
  readonly timing: Timing;
}

/** What is done with a parked message: it stays, or it goes once what this promise stands for is done. */
type Fate = 'stays' | Promise<void>;

/**
 * The parked messages of queues. AMQP can't look at a message without taking it, so each call takes them and gives back
 * what stays; an exclusive queue as a lock keeps a second one from finding nothing meanwhile.
 */
export class DeadLetters {
  readonly #parts: Parts;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * The `limit` oldest behind `after` among the first 10,000, which RabbitMQ does not keep in order once they were looked
   * at. No more than those are in memory, of each what a dead letter shows.
   */
  async list(queue: string, limit: number, after?: Position): Promise<readonly DeadLetter[]> {
    const wanted = Math.min(limit, LISTED_MAX);
    const oldest = (some: readonly DeadLetter[]) => some.toSorted(compare).slice(0, wanted);
    let letters: DeadLetter[] = [];
    let last: Position | undefined;
    await this.#each(queue, LOOKED_AT_MAX, (message) => {
      const position = positionOf(message);
      if (after !== undefined && compare(position, after) <= 0) return 'stays';
      if (last !== undefined && compare(position, last) >= 0) return 'stays'; // there are enough before it
      letters.push(deadLetter(message));
      if (letters.length >= wanted + SURPLUS) {
        letters = oldest(letters);
        last = letters.at(-1);
      }
      return 'stays';
    });
    return oldest(letters);
  }

  /** @param ids absent: all that are parked when it begins */
  async replay(queue: string, ids?: readonly string[]): Promise<number> {
    const back = (message: ConsumeMessage) => this.#parts.publisher.toQueue(queue, replayed(message));
    if (ids === undefined) return this.#each(queue, AT_ONCE, back);
    let count = 0;
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      const wanted = new Set(ids.slice(at, at + AT_ONCE));
      count += await this.#each(queue, LOOKED_AT_MAX, (message) =>
        wanted.has(idOf(message)) ? back(message) : 'stays',
      );
    }
    return count;
  }

  async discard(queue: string, ids: readonly string[]): Promise<number> {
    const unwanted = new Set(ids);
    return this.#each(queue, LOOKED_AT_MAX, (message) =>
      unwanted.has(idOf(message)) ? Promise.resolve() : 'stays',
    );
  }

  /** Shows each parked message to `decide`. @returns how many have gone */
  #each(queue: string, atOnce: number, decide: (message: ConsumeMessage) => Fate): Promise<number> {
    const turn = this.#last.then(() => this.#locked(queue, atOnce, decide));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #locked(queue: string, atOnce: number, decide: (message: ConsumeMessage) => Fate): Promise<number> {
    const { connection, names, timing } = this.#parts;
    const deadline = performance.now() + timing.deadlineMs;
    const model = await connection.model(deadline);
    try {
      // How many it has says nothing yet: another may look at them all just now.
      await declareQueue(model, names, queue);
      await using lock = await this.#lock(model, names.deadQueue(queue), deadline);
      void lock;
      return await onOwnChannel(model, (channel) => look(channel, names.deadQueue(queue), atOnce, decide));
    } catch (error) {
      const fault = connection.fault(error);
      throw fault.code === 'CONFIGURATION_INVALID' ? fault : connection.unavailable(error);
    }
  }

  /** Holds an exclusive queue, which is the connection's alone as long as it lasts. */
  async #lock(model: ChannelModel, deadQueue: string, deadline: number): Promise<AsyncDisposable> {
    const name = `${deadQueue}.lock`;
    for (let pauseMs = LOCK_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_LOCK_PAUSE_MS)) {
      try {
        await onOwnChannel(model, (channel) =>
          channel.assertQueue(name, { exclusive: true, durable: false }),
        );
        break;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 405)) throw error; // RESOURCE_LOCKED
        if (performance.now() > deadline) {
          throw new Fault(
            'UNAVAILABLE',
            `others still look at what is parked in ${deadQueue}`,
            {},
            { cause: error },
          );
        }
      }
      await pause(pauseMs);
    }
    return {
      [Symbol.asyncDispose]: async () => {
        await onOwnChannel(model, (channel) => channel.deleteQueue(name)).catch(() => undefined);
      },
    };
  }
}

async function look(
  channel: Channel,
  deadQueue: string,
  atOnce: number,
  decide: (message: ConsumeMessage) => Fate,
): Promise<number> {
  const { messageCount } = await channel.checkQueue(deadQueue);
  if (messageCount === 0) return 0;
  await channel.prefetch(Math.min(messageCount, atOnce));
  const goers: Promise<void>[] = [];
  const counts = { seen: 0, stay: 0, gone: 0 };
  const goes = async (message: ConsumeMessage, fate: Promise<void>) => {
    await fate;
    channel.ack(message);
    counts.gone++;
  };
  for await (const message of messagesOf(channel, deadQueue)) {
    const fate = decide(message);
    if (fate === 'stays') {
      counts.stay++;
    } else {
      const going = goes(message, fate);
      going.catch(() => undefined); // looked at below
      goers.push(going);
    }
    counts.seen++;
    // What was parked since is left for the next time.
    if (counts.seen === messageCount || counts.stay === atOnce) break;
  }
  const outcomes = await Promise.allSettled(goers);
  channel.nackAll(true);
  await isBack(channel, deadQueue, messageCount - counts.gone);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return counts.gone;
}

/** Takes messages of a queue, until who asks has enough or no more come. */
async function* messagesOf(channel: Channel, queue: string): AsyncGenerator<ConsumeMessage> {
  const waiting: ConsumeMessage[] = [];
  let failure: Error | undefined;
  let more = Promise.withResolvers<void>();
  const end = (why: string) => {
    failure ??= new Error(why);
    more.resolve();
  };
  channel.on('close', () => end('the channel was closed'));
  const { consumerTag } = await channel.consume(queue, (message) => {
    if (message === null) return end(`the queue ${queue} was deleted`);
    waiting.push(message);
    more.resolve();
  });
  try {
    for (;;) {
      more = Promise.withResolvers();
      const message = waiting.shift();
      if (message !== undefined) {
        yield message;
        continue;
      }
      if (failure !== undefined) throw failure;
      try {
        await within(performance.now() + QUIET_MS, more.promise);
      } catch (error) {
        if (error instanceof TimeIsOver) return; // somebody else has taken the rest
        throw error;
      }
    }
  } finally {
    await channel.cancel(consumerTag).catch(() => undefined);
  }
}

/** The next look is to find what this one gives back. */
async function isBack(channel: Channel, deadQueue: string, count: number): Promise<void> {
  const deadline = performance.now() + BACK_MS;
  while ((await channel.checkQueue(deadQueue)).messageCount < count && performance.now() < deadline) {
    await pause(5);
  }
}

/** Where a dead letter stands in a list. */
type Position = Pick<DeadLetter, 'id' | 'parkedAt'>;

function positionOf(message: ConsumeMessage): Position {
  const parkedAt = parkedAtOf(message);
  return { id: idOf(message), ...(parkedAt === undefined ? {} : { parkedAt }) };
}

/** By when they were parked; those that do not say it come first. */
function compare(one: Position, other: Position): number {
  return compareTexts(one.parkedAt ?? '', other.parkedAt ?? '') || compareTexts(one.id, other.id);
}

function compareTexts(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
