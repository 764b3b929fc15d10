import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { collectStore } from '@gantry/pipeline';
import { makeImage, makeLayer } from '@gantry/registry';
import type { CollectorAnswer, CollectorCommand } from '../fixtures/collector.child.ts';
import { openSyncHere, type SyncHere } from '../fixtures/sync-here.ts';
import { until } from '../servers/until.ts';

/**
 * A collector that is stopped (SIGSTOP) before each of its calls for so long that its lease is another's, which ends what it
 * was at. What was deleted is then fetched anew, as it is needed again. Then it wakes (SIGCONT), and must delete nothing.
 */

/** Every call that a collection makes of its ports, with how often. Whoever adds one has to name it here; it is then tried. */
const STEPS: Readonly<Record<string, number>> = {
  'catalog.candidates.list': 1,
  'catalog.channels.names': 1,
  'catalog.garbage.claim': 1,
  'catalog.garbage.forget': 1,
  'catalog.garbage.getAll': 1,
  'catalog.garbage.list': 2,
  'catalog.leases.acquire': 1,
  'catalog.leases.release': 1,
  'catalog.leases.renew': 4,
  'catalog.manifests.getAll': 1,
  'catalog.manifests.naming': 3,
  'catalog.manifests.remove': 1,
  'catalog.plans.list': 2,
  'catalog.promotions.inStates': 2,
  'catalog.purges.getAll': 1,
  'catalog.tasks.inStates': 1,
  'removal.remove': 3,
  'store.list': 1,
  'store.startRemoval': 1,
};

const GRACE_MS = 3_600_000;
const layer = (text: string) => makeLayer([{ path: 'a', content: text }]);
const image = (text: string) =>
  makeImage({ platform: { os: 'linux', architecture: 'amd64' }, layers: [layer('base'), layer(text)] });
const sources = [{ name: 'builds', keep: { latest: 1 } }];

/** A collector in a process of its own. */
function startCollector() {
  const file = fileURLToPath(new URL('../fixtures/collector.child.ts', import.meta.url));
  const child = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async collect(command: CollectorCommand): Promise<CollectorAnswer> {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      const { value, done } = await answers.next();
      if (done === true) throw new Error('the collector has ended');
      return JSON.parse(value) as CollectorAnswer;
    },
    /** As the kernel tells it (proc_pid_stat(5)). */
    stopped: () =>
      until('the collector to be stopped', async () => {
        const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8');
        return stat.slice(stat.lastIndexOf(')')).startsWith(') T');
      }),
    wake: () => void child.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL'); // also ends one that is stopped
      await ended;
    },
  };
}

let collector: ReturnType<typeof startCollector>;
beforeAll(() => {
  collector = startCollector();
});
afterAll(() => collector[Symbol.asyncDispose]());

const collectHere = ({ flow }: SyncHere) => collectStore(flow, { sources, trees: [], graceMs: GRACE_MS });

/** What image 1 alone had is condemned, and may go. */
async function openDue(): Promise<SyncHere> {
  const here = await openSyncHere();
  for (const text of ['1', '2']) {
    here.upstream.push('app', image(text), 'latest');
    await here.sync();
    here.advance(1000);
  }
  expect((await collectHere(here)).condemned.blobs).toBe(3);
  here.advance(GRACE_MS);
  return here;
}

const commandFor = ({ flow, storeFolder }: SyncHere): CollectorCommand => ({
  folder: path.dirname(storeFolder),
  now: flow.now().toISOString(),
  graceMs: GRACE_MS,
});

async function mustBeWhole({ flow: { catalog, store } }: SyncHere, text: string): Promise<void> {
  const made = image(text);
  expect(await catalog.manifests.get(made.digest)).toBeDefined();
  for (const { digest, size } of [made, ...made.blobs]) expect(await store.stat(digest)).toEqual({ size });
}

test('the calls of a collection are those that are tried here', async () => {
  await using here = await openDue();
  const { outcome, steps } = await collector.collect(commandFor(here));
  expect(outcome).toBe('done');
  expect(steps).toEqual(STEPS);
  expect(await here.flow.store.stat(layer('1').digest)).toBeUndefined();
  await mustBeWhole(here, '2');
});

const calls = Object.entries(STEPS).flatMap(([step, times]) =>
  Array.from({ length: times }, (_, at) => `${step}#${at + 1}`),
);

test.each(calls)(
  'one that is stopped before %s, and wakes when it has been followed, deletes nothing that was fetched since',
  async (stopAt) => {
    await using here = await openDue();
    const { leases } = here.flow.catalog;
    const answer = collector.collect({ ...commandFor(here), stopAt });
    await collector.stopped();
    const held = (await leases.list()).find(({ name }) => name === 'collection');
    if (held !== undefined) await leases.release(held); // as good as over
    expect((await collectHere(here)).freed.blobs + (await collectHere(here)).freed.blobs).toBeLessThanOrEqual(
      3,
    );
    here.upstream.push('app', image('1'), 'back');
    expect((await here.sync()).state).toBe('done');
    collector.wake();
    expect(['done', 'LEASE_LOST']).toContain((await answer).outcome);
    await mustBeWhole(here, '1');
    await mustBeWhole(here, '2');
    expect((await collectHere(here)).missing.count).toBe(0);
  },
  60_000,
);
