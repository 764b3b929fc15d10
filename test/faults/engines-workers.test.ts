import { CANDIDATES } from '../fixtures/build-registry.ts';
import { SOURCE } from '../end-to-end/engines-world.ts';
import { needs } from '../servers/parts.ts';
import { until } from '../servers/until.ts';
import { WITHIN_MS } from './each-once.ts';
import { type FaultWorld, openFaultWorld, PARTS, type Worker } from './engines-world.ts';
import { countCalls, momentOf, random } from './moments.ts';
import { image, openPromotionRun, type PromotionRun } from './promotion-run.ts';
import { SOAK } from './soak.ts';

/** Sync and promote processes on real engines that are killed, stopped, and wrong about the time. */
const KILLS = SOAK ? 20 : 2;
const STOPS = SOAK ? 10 : 1;
const PROMOTIONS_A_FAULT = 10;
const HOUR_MS = 3_600_000;

let world: FaultWorld;
let run: PromotionRun;
/** How many calls of the catalog it takes the busiest process of a kind to do its part of a round. */
let calls: Readonly<Record<Worker['service'], number>>;

const real = needs(...PARTS).showing(() => world?.servers() ?? []);
real.beforeAll(async () => {
  world = await openFaultWorld({ each: 2 });
  run = openPromotionRun(world);
  calls = await countCalls(world, () => run.round(PROMOTIONS_A_FAULT));
  await run.expectEachOnce();
}, 300_000);
real.afterAll(async () => world?.[Symbol.asyncDispose](), 120_000);

const kill = (worker: Worker) => worker.signal('SIGKILL');
const stop = (worker: Worker) => worker.signal('SIGSTOP');

real.test(
  `kill -9 of sync and promote processes at ${KILLS} moments of ${KILLS * PROMOTIONS_A_FAULT} promotions: each ends once, and no event is lost`,
  async () => {
    let inTheMidst = 0;
    for (let number = 0; number < KILLS; number += 2) {
      // The second one strikes while what the first one held is still kept from the others.
      const publishing = run.round(PROMOTIONS_A_FAULT);
      const killed = await killInTheMidst('promote', number, publishing);
      const syncing = run.round(PROMOTIONS_A_FAULT);
      const alsoKilled = await killInTheMidst('sync', number, syncing);
      inTheMidst += Number(killed) + Number(alsoKilled);
      await Promise.all([publishing, syncing]);
    }
    expect(inTheMidst).toBeGreaterThan(0);
    await run.expectEachOnce();
  },
  120_000 + KILLS * 120_000,
);

real.test(
  'a promote and a sync process that are stopped past their leases are followed by others, and do no harm when they wake',
  async () => {
    for (let number = 0; number < STOPS; number++) {
      const publishing = run.round(PROMOTIONS_A_FAULT);
      const publisher = await stopInTheMidst('promote', /^publish:/, publishing);
      const syncing = run.round(PROMOTIONS_A_FAULT);
      const sync = await stopInTheMidst('sync', /^sync:/, syncing);
      await Promise.all([publishing, syncing]); // by the others
      for (const worker of [publisher, sync]) {
        const { length: seen } = worker.log();
        worker.signal('SIGCONT');
        await until('the woken one to see that it has been followed', () => isFollowed(worker, seen), {
          withinMs: WITHIN_MS,
        });
      }
      await run.round(PROMOTIONS_A_FAULT);
    }
    await run.expectEachOnce();
  },
  120_000 + STOPS * 120_000,
);

/**
 * Kills a process of the kind, and starts another. The moments lie all over the work, each somewhere in its own part of it.
 * @returns whether `work` was still to be done
 */
async function killInTheMidst(
  service: Worker['service'],
  number: number,
  work: Promise<void>,
): Promise<boolean> {
  work.catch(() => undefined); // it is awaited later
  const at = Math.ceil(((number + 2 * random()) / KILLS) * calls[service]);
  const fate = random() < 0.5 ? 'goes on' : 'is lost';
  const moment = momentOf(world.workers(service), at, kill, fate);
  const killed = await Promise.race([moment.reached, work]);
  moment.forget();
  if (killed === undefined) await world.workers(service)[0]?.kill('SIGKILL');
  else await killed.ended;
  await world.start(service);
  return killed !== undefined;
}

/** Stops a process of the kind in a moment in which it holds such a lease, while `work` is being done. */
async function stopInTheMidst(
  service: Worker['service'],
  lease: RegExp,
  work: Promise<void>,
): Promise<Worker> {
  for (;;) {
    const moment = momentOf(world.workers(service), 1 + Math.floor(random() * 10), stop);
    const stopped = await Promise.race([moment.reached, work]);
    moment.forget();
    if (stopped === undefined) throw new Error(`no ${service} process could be stopped with ${lease}`);
    const leases = await world.catalog.leases.list();
    if (leases.some(({ name, holder }) => lease.test(name) && holder.includes(` ${stopped.pid} `)))
      return stopped;
    stopped.signal('SIGCONT');
  }
}

/** @param from where in its log it is looked for */
const isFollowed = (worker: Worker, from: number) => worker.log().slice(from).includes('LEASE_LOST');

real.test(
  'a sync that is stopped before it writes a candidate does not undo what its successor has found',
  async () => {
    const [repository, tag] = ['moved/app', '1'];
    const former = image('before it moved');
    const newer = image('after it moved');
    world.registry.push(`${CANDIDATES}${repository}`, former, tag);
    const { promise: stopped, resolve } = Promise.withResolvers<Worker>();
    const syncs = world.workers('sync');
    const release = Promise.withResolvers<void>();
    for (const worker of syncs) {
      worker.tap.watch((bytes) => {
        // Its place among the candidates, which it asks for before it puts one.
        if (!bytes.includes('counters') || !bytes.includes('candidates')) return undefined;
        for (const { tap } of syncs) tap.watch(undefined);
        worker.signal('SIGSTOP');
        resolve(worker);
        return release.promise;
      });
    }
    const { body: task } = await (world.workers('promote')[0] as Worker).api.call<{ id: string }>(
      'POST',
      '/api/v1/syncs',
      {
        body: { source: SOURCE },
      },
    );
    const worker = await stopped;
    const { length: seen } = worker.log();
    world.registry.push(`${CANDIDATES}${repository}`, newer, tag);
    const current = async () => (await world.catalog.candidates.current(repository, tag))?.digest;
    await until(
      'its successor to end the sync',
      async () => (await world.catalog.tasks.get(task.id))?.state === 'done',
      {
        withinMs: WITHIN_MS,
      },
    );
    expect(await current()).toBe(newer.digest);
    release.resolve();
    worker.signal('SIGCONT');
    await until('the woken one to see that it has been followed', () => isFollowed(worker, seen), {
      withinMs: WITHIN_MS,
    });
    // What it was at is written by then, as it ends in order after that.
    expect(await worker.stop()).toEqual({ code: 0, signal: null });
    expect(await current()).toBe(newer.digest);
    await world.start('sync');
  },
  240_000,
);

real.test(
  'two promote processes whose clocks are an hour apart share the work in its order',
  async () => {
    const [right, other] = world.workers('promote') as [Worker, Worker];
    expect(await other.stop()).toEqual({ code: 0, signal: null });
    const ahead = await world.start('promote', HOUR_MS);
    const { length: earlier } = publicationsBy(right);
    const both = () => publicationsBy(right).length > earlier && publicationsBy(ahead).length > 0;
    const { length: seen } = right.log();
    do await run.round(PROMOTIONS_A_FAULT);
    while (!both());
    await run.expectEachOnce();
    expect(Date.parse(publicationsBy(ahead)[0]?.time ?? '') - Date.now()).toBeGreaterThan(HOUR_MS / 2);
    for (const log of [right.log().slice(seen), ahead.log()]) expect(log).not.toContain('LEASE_LOST');
  },
  240_000,
);

interface LogLine {
  readonly time: string;
  readonly msg: string;
}

function publicationsBy(worker: Worker): LogLine[] {
  const lines = worker
    .log()
    .split('\n')
    .filter((line) => line.includes('"publication.done"'));
  return lines.map((line) => JSON.parse(line) as LogLine);
}
