import { seededRandom } from '../fixtures/seeded-random.ts';
import type { FaultWorld, Worker } from './engines-world.ts';
import { SEED } from './soak.ts';

/** Numbers from 0 to 1 that a seed decides. */
export const random = seededRandom(SEED);

/** What becomes of the message that a process was at: the catalog gets it, or never does. */
type Fate = 'goes on' | 'is lost';

/** A moment in the work of a process. However fast the machine is, the same steps lie before it. */
export interface Moment {
  /** The process that came to it first. Never resolves when none does. */
  readonly reached: Promise<Worker>;
  forget(): void;
}

/**
 * The moment in which the first of some processes sends its catalog the `calls`th message from now on.
 * @param act is done to it at once, before the message goes on
 */
export function momentOf(
  workers: readonly Worker[],
  calls: number,
  act: (worker: Worker) => void,
  fate: Fate = 'goes on',
): Moment {
  const { promise: reached, resolve } = Promise.withResolvers<Worker>();
  const forget = () => {
    for (const { tap } of workers) tap.watch(undefined);
  };
  for (const worker of workers) {
    let left = calls;
    worker.tap.watch(() => {
      if (--left > 0) return undefined;
      forget();
      act(worker);
      resolve(worker);
      return fate === 'is lost' ? new Promise<never>(() => {}) : undefined;
    });
  }
  return { reached, forget };
}

/** How many messages the busiest process of each kind sends its catalog while `work` is done. */
export async function countCalls(
  world: FaultWorld,
  work: () => Promise<void>,
): Promise<Readonly<Record<Worker['service'], number>>> {
  const all = [...world.workers('sync'), ...world.workers('promote')];
  const before = new Map(all.map((worker) => [worker, worker.tap.sent()]));
  await work();
  const most = (service: Worker['service']) =>
    Math.max(...world.workers(service).map((worker) => worker.tap.sent() - (before.get(worker) ?? 0)));
  return { sync: most('sync'), promote: most('promote') };
}
