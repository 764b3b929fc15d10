import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '@gantry/oci';
import type { Database } from './database.ts';

/** The schema's document, as far as who fills the catalog needs it. */
interface Filling {
  readonly _id: 'catalog';
  readonly halfFilled?: boolean;
  /** Who fills it, and when it last said so, by the server's clock. */
  readonly filledBy?: string;
  readonly filledAtMs?: number;
}

/** One that has not written for so long was killed. */
const ALIVE_MS = 15_000;
const BEAT_EVERY_MS = 4000;
const LOOK_EVERY_MS = 250;

/** The mark of a catalog that is being filled, and the right to be the only one who does. */
export interface FillingMark {
  /** Says that the work goes on. @throws Fault CONFLICT when another has taken it over */
  readonly beat: () => Promise<void>;
  /** Takes the mark away: the catalog is whole. @throws Fault CONFLICT */
  readonly end: () => Promise<void>;
  /** Leaves the mark, and lets the next one begin at once. */
  readonly leave: () => Promise<void>;
}

/** Whether the mark is there. */
export async function isMarked(database: Database): Promise<boolean> {
  const schema = database.collection<Filling>('schema');
  const found = await database.call(() => schema.findOne({ _id: 'catalog' }));
  return found?.halfFilled === true;
}

/**
 * Sets the mark. Where it is set already, whoever set it is waited for until it is certain that it does not go on.
 * @throws Fault CONFLICT when it goes on
 */
export async function markAsFilling(database: Database, signal?: AbortSignal): Promise<FillingMark> {
  const schema = database.collection<Filling>('schema');
  const token = randomUUID();
  const look = () => database.call(() => schema.findOne({ _id: 'catalog' }));
  const goesOn = (): Fault =>
    new Fault(
      'CONFLICT',
      `the catalog ${database.name} is being filled by another copy or rebuild just now`,
      {
        catalog: database.name,
      },
    );
  const move = async (to: Partial<Filling>, from: Partial<Filling>) => {
    const { matchedCount } = await database.call(() =>
      schema.updateOne({ _id: 'catalog', ...from }, { $set: to }),
    );
    // The answer of an attempt that went through may have been lost.
    if (matchedCount === 0 && (await look())?.filledBy !== token) throw goesOn();
  };

  const former = await whenLeft(database, look, goesOn, signal);
  const filledAtMs = await database.call(() => database.clock.nowMs());
  await move(
    { halfFilled: true, filledBy: token, filledAtMs },
    former?.filledBy === undefined ? {} : { filledBy: former.filledBy },
  );

  const ours = { filledBy: token };
  const beat = async () => move({ filledAtMs: await database.call(() => database.clock.nowMs()) }, ours);
  // What is to be written may be long in coming. A failure is met again with the next part.
  const timer = setInterval(() => void beat().catch(() => undefined), BEAT_EVERY_MS);
  const last = (to: Partial<Filling>) => {
    clearInterval(timer);
    return move(to, ours);
  };
  return {
    beat,
    end: () => last({ halfFilled: false, filledAtMs: 0 }),
    leave: () => last({ filledAtMs: 0 }),
  };
}

/** The schema's document, once nobody fills the catalog for certain. @throws what `goesOn` gives */
async function whenLeft(
  database: Database,
  look: () => Promise<Filling | null>,
  goesOn: () => Fault,
  signal: AbortSignal | undefined,
): Promise<Filling | null> {
  const first = await look();
  if (first?.halfFilled !== true || first.filledAtMs === undefined || first.filledAtMs === 0) return first;
  for (;;) {
    signal?.throwIfAborted();
    const former = await look();
    if (former?.halfFilled !== true || former.filledAtMs === 0) return former;
    if (former.filledAtMs !== first.filledAtMs) throw goesOn();
    if ((await database.clock.nowMs()) > first.filledAtMs + ALIVE_MS) return former;
    await pause(LOOK_EVERY_MS);
  }
}
