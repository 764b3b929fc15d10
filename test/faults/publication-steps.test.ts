import { openTreeSource } from '@gantry/pipeline';
import { listPath, readStatement } from '@gantry/tree';
import {
  collect,
  type CollectedPlace,
  collectedPlaceIn,
  expectCompleted,
  expectWhole,
  prepareCollected,
} from '../fixtures/collected-place.ts';
import { type PublisherProcess, startPublisher } from '../fixtures/publisher-process.ts';
import { run } from '../servers/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { SEED, SOAK } from './soak.ts';

/**
 * Every call that a collection makes of its ports, and of the file system where names come and go, with how often: it
 * publishes two promotions, which bring new objects and some that were condemned, takes others out of the pool and off the
 * disk, and makes a full list. Whoever adds a step to a publication or a collection has to name it here; it is then tried.
 */
const STEPS: Readonly<Record<string, number>> = {
  'catalog.channels.apply': 1,
  'catalog.channels.byDigest': 2,
  'catalog.channels.holding': 1,
  'catalog.channels.tag': 2,
  'catalog.leases.acquire': 6,
  'catalog.leases.release': 6,
  'catalog.leases.renew': 11,
  'catalog.manifests.getAll': 4,
  'catalog.manifests.naming': 5,
  'catalog.pool.apply': 2,
  'catalog.pool.condemn': 1,
  'catalog.pool.condemned': 1,
  'catalog.pool.getAll': 10,
  'catalog.pool.list': 2,
  'catalog.pool.serial': 12,
  'catalog.pool.spare': 3,
  'catalog.promotions.get': 7,
  'catalog.promotions.inStates': 8,
  'catalog.promotions.replace': 2,
  'catalog.publications.get': 6,
  'catalog.publications.put': 4,
  'catalog.purges.some': 4,
  'catalog.retractions.of': 1,
  'files.link lists': 3,
  'files.link pool': 4,
  'files.link serial': 2,
  'files.mkdir .tmp': 12,
  'files.rename .tmp': 15,
  'files.rename pool': 3,
  'files.rename serial': 2,
  'files.rm .tmp': 27,
  'files.rm lists': 1,
  'target.begin': 6,
  'target.claim': 2,
  'target.highestSerial': 6,
  'target.movePointer': 2,
  'target.putAt': 1,
  'target.putContent': 4,
  'target.putDocument': 3,
  'target.putList': 3,
  'target.removeAll': 3,
  'target.removeFullList': 1,
  'target.settle': 8,
  'target.source.list': 2,
  'target.source.read': 44,
};

/** How many folders there are to be looked into depends on digests, and these on the time. */
const LOOKS = /^files\.readdir/;
/** A kill where nothing is changed is one before the next change. */
const CHANGES =
  /^(?:files\.(?!readdir)|target\.(?!source|highestSerial|putAt)|catalog\.\w+\.(?:put|apply|replace|create|remove|condemn|spare|acquire|renew|release)#)/;

let prepared: CollectedPlace;
let base: TemporaryFolder;
let publisher: PublisherProcess;
beforeAll(async () => {
  base = await temporaryFolder('steps-base');
  prepared = await prepareCollected(base.path);
  publisher = startPublisher();
}, 60_000);
afterAll(async () => {
  await publisher?.[Symbol.asyncDispose]();
  await base?.[Symbol.asyncDispose]();
});

async function copied(): Promise<Omit<CollectedPlace, 'folder'> & AsyncDisposable> {
  const folder = await temporaryFolder('steps');
  await run('cp', ['--archive', `${base.path}/.`, folder.path]);
  return {
    ...prepared,
    place: collectedPlaceIn(folder.path),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

test('the steps of a publication and a collection are those that are tried here', async () => {
  await using copy = await copied();
  const { place, now } = copy;
  const { outcome, message, steps } = await publisher.command({ place, now, collect: true });
  expect([outcome, message]).toEqual(['done', undefined]);
  expect(Object.fromEntries(Object.entries(steps).filter(([step]) => !LOOKS.test(step)))).toEqual(STEPS);

  const source = await openTreeSource(place.tree);
  const serial = (await readStatement(source))?.statement.serial ?? 0;
  const listed = async (one: number) =>
    Buffer.from((await source.read(listPath(one), 1024 * 1024)) ?? []).toString();
  for (const line of [/^- pool\/blobs/m, /^- pool\/manifests/m, /^- pool\/index/m])
    expect(await listed(serial)).toMatch(line);
  for (const line of [/^\+ .* pool\/blobs/m, /^\+ .* pool\/manifests/m])
    expect(await listed(serial - 1)).toMatch(line);
  await expectCompleted(copy);
});

const calls = Object.entries(STEPS).flatMap(([step, times]) =>
  Array.from({ length: times }, (_, at) => `${step}#${at + 1}`),
);
const changes = calls.filter((call) => CHANGES.test(call));
const MOMENTS = ['stopBefore', 'stopAfter'] as const;
/** Of the calls that only look, one in so many is tried. */
const EVERY = SOAK ? 1 : 5;
const tried = calls.filter((call, at) => CHANGES.test(call) || at % EVERY === SEED % EVERY);

describe('where a publication and a collection are cut off, all is whole, and the next run completes them', () => {
  test.each(tried)(
    'when %s fails, and when its answer is lost',
    async (call) => {
      for (const moment of CHANGES.test(call) ? MOMENTS : (['stopBefore'] as const)) {
        await using copy = await copied();
        const { place, now } = copy;
        const command = { place, now, collect: true, signal: 'failure', [moment]: call } as const;
        const { steps } = await publisher.command(command);
        const [name = '', at] = call.split('#');
        expect([call, (steps[name] ?? 0) >= Number(at)]).toEqual([call, true]);
        await expectWhole(await openTreeSource(place.tree), now);
        await collect(place, now);
        await expectCompleted(copy);
      }
    },
    60_000,
  );

  // In the soak both before and after each step; else one of the two.
  const kills = changes.flatMap((call, at) =>
    MOMENTS.filter((_, which) => SOAK || (at + SEED) % 2 === which).map((moment) => [moment, call] as const),
  );
  test.each(kills)(
    'when the process is killed: %s %s',
    async (moment, call) => {
      await using copy = await copied();
      const { place, now } = copy;
      await using killed = startPublisher();
      const answer = killed.command({ place, now, collect: true, signal: 'SIGKILL', [moment]: call });
      await expect(answer).rejects.toThrow('SIGKILL');
      await expectWhole(await openTreeSource(place.tree), now);
      await collect(place, now);
      await expectCompleted(copy);
    },
    60_000,
  );
});
