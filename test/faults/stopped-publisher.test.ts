import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ENDS_OF_ONE_THAT_WAS_FOLLOWED, outcomeOf, succeed } from '../fixtures/publisher-handover.ts';
import { type PublisherProcess, startPublisher } from '../fixtures/publisher-process.ts';
import { openPublishing, type PublishingPlace } from '../fixtures/publishing.ts';
import { seededRandom } from '../fixtures/seeded-random.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

/**
 * A publisher that is stopped (SIGSTOP) at each of its steps for so long that its lease is another's, which publishes what
 * it was at, and more. Then it wakes (SIGCONT) and goes on.
 */

/**
 * Every call that a publication makes of its ports, and of the file system where names come and go, with how often.
 * Whoever adds a step to a publication has to name it here; it is then tried.
 */
const STEPS: Readonly<Record<string, number>> = {
  'catalog.channels.apply': 1,
  'catalog.channels.byDigest': 2,
  'catalog.channels.holding': 2,
  'catalog.channels.tag': 1,
  'catalog.leases.acquire': 1,
  'catalog.leases.release': 1,
  'catalog.leases.renew': 3,
  'catalog.manifests.getAll': 4,
  'catalog.manifests.naming': 6,
  'catalog.pool.apply': 1,
  'catalog.pool.getAll': 2,
  'catalog.pool.list': 1,
  'catalog.pool.serial': 2,
  'catalog.promotions.get': 2,
  'catalog.promotions.inStates': 3,
  'catalog.promotions.replace': 1,
  'catalog.publications.get': 1,
  'catalog.publications.put': 2,
  'catalog.purges.some': 2,
  'catalog.retractions.of': 1,
  'files.link lists': 2,
  'files.link pool': 4,
  'files.link serial': 1,
  'files.mkdir .tmp': 2,
  'files.readdir .tmp': 1,
  'files.readdir serial': 1,
  'files.rename pool': 3,
  'files.rename serial': 1,
  'files.rm .tmp': 5,
  'files.rm lists': 1,
  'target.begin': 1,
  'target.claim': 1,
  'target.highestSerial': 1,
  'target.movePointer': 1,
  'target.putContent': 4,
  'target.putDocument': 3,
  'target.putList': 2,
  'target.removeFullList': 1,
  'target.settle': 4,
  'target.source.read': 8,
};

const SEED = Number(process.env['GANTRY_TEST_SEED'] ?? 20_261_121);
/** How many pairs of steps are tried, of two that are stopped. */
const PAIRS = 10;

/** A full list is made on each, and the oldest one goes. The publication that is stopped is of the fourth. */
const DAYS = [1, 2, 3, 4, 5].map((day) => `2026-11-2${day}T09:00:00.000Z`);
const [FIRST, SECOND, THIRD, STOPPED, SUCCESSOR] = DAYS as [string, string, string, string, string];

let base: TemporaryFolder;
/** The promotion of `2` that waits for a publisher in `base`. */
let waiting: string;
let publisher: PublisherProcess;

const placeIn = (folder: string): PublishingPlace => ({
  catalog: { sqlite: { file: path.join(folder, 'catalog.db') } },
  storage: { filesystem: { root: path.join(folder, 'store') } },
  tree: { filesystem: { root: path.join(folder, 'tree') } },
});

beforeAll(async () => {
  base = await temporaryFolder('stopped-base');
  publisher = startPublisher();
  for (const day of [FIRST, SECOND, THIRD, STOPPED]) {
    await using opened = await openPublishing(placeIn(base.path), day);
    if (day === FIRST) {
      await opened.sync();
      await opened.promote('1');
    }
    if (day === STOPPED) waiting = await opened.promote('2');
    else await opened.publisher.publishPending();
    if (day !== STOPPED) await opened.publisher.refresh();
  }
  const left = path.join(base.path, 'tree/.tmp/of-one-that-died');
  await mkdir(left);
  await writeFile(path.join(left, 'file'), 'half');
}, 60_000);

afterAll(async () => {
  await publisher[Symbol.asyncDispose]();
  await base[Symbol.asyncDispose]();
});

/** A copy of what was prepared. */
async function copyOfBase(): Promise<{ place: PublishingPlace } & AsyncDisposable> {
  const folder = await temporaryFolder('stopped');
  await cp(base.path, folder.path, { recursive: true });
  return { place: placeIn(folder.path), [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

test('the steps of a publication are those that are tried here', async () => {
  await using copy = await copyOfBase();
  const { outcome, steps } = await publisher.command({ place: copy.place, now: STOPPED });
  expect(outcome).toBe('done');
  expect(steps).toEqual(STEPS);
});

const calls = Object.entries(STEPS).flatMap(([step, times]) =>
  Array.from({ length: times }, (_, at) => `${step}#${at + 1}`),
);
/** On another day, what a successor makes of the same serial are other bytes. */
const OF_A_SERIAL = /lists|putList|serial|claim|Pointer|publications/;
const cases = [
  ...calls.map((call) => [call, '', STOPPED] as const),
  ...calls.filter((call) => OF_A_SERIAL.test(call)).map((call) => [call, ' a day later', SUCCESSOR] as const),
];

describe('a publisher that was stopped past its lease and wakes', () => {
  test.each(cases)(
    'before %s harms nothing that its successor did%s',
    async (stopBefore, _, successorsDay) => {
      await using copy = await copyOfBase();
      const { place } = copy;
      const answer = publisher.command({ place, now: STOPPED, stopBefore });
      await publisher.stopped(answer);
      await using successor = await succeed(place, successorsDay, waiting);
      publisher.wake();
      expect(outcomeOf(await answer)).toMatch(ENDS_OF_ONE_THAT_WAS_FOLLOWED);
      await successor.expectIntact();
    },
    30_000,
  );

  const random = seededRandom(SEED);
  const any = () => calls[Math.floor(random() * calls.length)] as string;
  test.each(Array.from({ length: PAIRS }, () => [any(), any()] as const))(
    'before %s while its successor is stopped before %s harms nothing that either did',
    async (stopBefore, nextStopBefore) => {
      await using copy = await copyOfBase();
      const { place } = copy;
      await using second = startPublisher();
      const answer = publisher.command({ place, now: STOPPED, stopBefore });
      await publisher.stopped(answer);
      const itsAnswer = second.command({ place, now: STOPPED, stopBefore: nextStopBefore });
      // With less left to do, it may come to its end without that step.
      await second.stopped(itsAnswer).catch(() => itsAnswer);
      publisher.wake();
      expect(outcomeOf(await answer)).toMatch(ENDS_OF_ONE_THAT_WAS_FOLLOWED);
      second.wake();
      expect(outcomeOf(await itsAnswer)).toMatch(ENDS_OF_ONE_THAT_WAS_FOLLOWED);
      await using successor = await succeed(place, SUCCESSOR, waiting);
      await successor.expectIntact();
    },
    30_000,
  );
});
