import { cp, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { openMessages } from '@gantry/messages';
import { findPurged, isNowhere, PURGE_STEPS, runPurge, runTask, sweepPurges } from '@gantry/pipeline';
import { blobPath, openTree, verifyTree } from '@gantry/tree';
import { bad, buildRegistry, good, openPurging, type PurgingPlace, secret } from '../fixtures/purging.ts';
import type { Calls, PurgeCommand } from '../fixtures/purge.child.ts';
import { attempt, run } from '../servers/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { SEED, SOAK } from './soak.ts';

const CHILD = fileURLToPath(new URL('../fixtures/purge.child.ts', import.meta.url));
const TASK = 'the-purge';
const NOW = '2026-11-21T09:00:00.000Z';
const KILLED = 128;
/** Of the writes of a purge, one in so many is a moment of a kill. */
const EVERY = SOAK ? 1 : 5;

/** A place in which a digest that is in channels, tree, store and catalog was banned a moment ago. */
let prepared: TemporaryFolder;
beforeAll(async () => {
  prepared = await temporaryFolder('purge-kill');
  await using place = await openPurging(prepared.path);
  await place.sync(buildRegistry());
  for (const tag of ['bad', 'latest', 'good']) await place.promote('app', tag, 'stable');
  await place.promote('other', 'bad', 'stable');
  await place.promote('app', 'bad', 'private');
  const { purges, tasks } = place.flow.catalog;
  const { digest } = secret;
  await purges.create({ digest, reason: 'a key', by: 'admin', at: NOW, task: TASK });
  await tasks.create({
    id: TASK,
    kind: 'purge',
    parameters: { digest },
    state: 'queued',
    progress: { bytes: 0, blobs: 0, tags: 0 },
    errors: [],
    createdAt: NOW,
  });
}, 60_000);
afterAll(() => prepared[Symbol.asyncDispose]());

/** A copy of the place, in which store and tree share their bytes as before. */
async function copied(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder('purge-killed');
  await run('cp', ['--archive', `${prepared.path}/.`, folder.path]);
  return folder;
}

const child = (command: PurgeCommand) => attempt(process.execPath, [CHILD, JSON.stringify(command)]);

/** Goes on with the task, as any worker does that finds it. */
async function goOn(place: PurgingPlace): Promise<void> {
  const stop = new AbortController().signal;
  await runTask(place.flow, TASK, (task, progress, signal) => runPurge(place, task, progress, signal), stop);
}

/** Nothing is left of what was purged, and all else is as it was. */
async function expectPurged(place: PurgingPlace, folder: string): Promise<void> {
  const { catalog, store } = place.flow;
  expect(isNowhere(await findPurged(place, secret.digest))).toBe(true);
  expect((await catalog.channels.tagsOf('stable', 'app')).map(({ tag }) => tag)).toEqual(['good']);
  expect(await catalog.channels.tagsOf('private', 'app')).toEqual([]);
  const view = await openTree(place.tree.target.source);
  const app = await view?.repository('app');
  expect([...(app?.tags ?? [])]).toEqual([['good', good.digest]]);
  expect(app?.manifests.has(bad.digest)).toBe(false);
  expect(await stat(path.join(folder, 'tree', blobPath(secret.digest))).catch(() => 'absent')).toBe('absent');
  expect(await store.stat(secret.digest)).toBeUndefined();
  const { findings } = await verifyTree(place.tree.target.source, { deep: true, nowMs: Date.parse(NOW) });
  expect(findings).toEqual([]);
  const task = await catalog.tasks.get(TASK);
  expect(task).toMatchObject({
    state: 'done',
    errors: [],
    result: {
      manifests: 3,
      tagsTakenOut: 4,
      candidates: 3,
      objects: [blobPath(secret.digest)],
      bytes: secret.size,
    },
  });
  const [promotion, ...others] = (await catalog.promotions.list({ limit: 100 })).items.filter(
    ({ kind }) => kind === 'purge',
  );
  expect(others).toEqual([]);
  expect(promotion).toMatchObject({
    state: 'done',
    items: Array.from({ length: 4 }, () => ({ state: 'done' })),
  });
  expect(task?.result?.['serial']).toBe(promotion?.serial);
  expect(await place.sync(buildRegistry())).toHaveLength(3);
  expect(isNowhere(await findPurged(place, secret.digest))).toBe(true);
}

async function expectDoneAfter(killAt: string): Promise<void> {
  await using folder = await copied();
  const { code, stderr } = await child({ folder: folder.path, task: TASK, killAt });
  expect([killAt, code, stderr]).toEqual([killAt, KILLED, '']);
  await using place = await openPurging(folder.path);
  await goOn(place);
  await expectPurged(place, folder.path);
}

test.each(PURGE_STEPS.flatMap((step) => [`before ${step}`, `after ${step}`]))(
  'a purge whose worker is killed %s is done by the next one',
  expectDoneAfter,
  60_000,
);

test('a purge whose worker is killed before one of its writes is done by the next one', async () => {
  await using undisturbed = await copied();
  const { code, stdout, stderr } = await child({ folder: undisturbed.path, task: TASK });
  expect([code, stderr]).toEqual([0, '']);
  await using place = await openPurging(undisturbed.path);
  await expectPurged(place, undisturbed.path);
  const calls = JSON.parse(stdout) as Calls;
  for (const part of ['target.removeContent', 'target.claim', 'target.movePointer', 'store.delete'])
    expect(calls).toContain(`${part}#1`);
  const first = SEED % EVERY;
  for (const call of calls.filter((_, at) => at % EVERY === first)) await expectDoneAfter(call);
}, 600_000);

test('a purge that was recorded by a process which died before it made the task is found and carried out', async () => {
  await using folder = await temporaryFolder('purge-sweep');
  await cp(prepared.path, folder.path, { recursive: true });
  await using place = await openPurging(folder.path);
  await using messages = await openMessages({ embedded: { file: `${folder.path}/messages.db` } });
  const { catalog } = place.flow;
  const { digest } = good;
  await catalog.purges.create({ digest, reason: 'a key', by: 'admin', at: NOW, task: 'was never made' });
  await sweepPurges(place, messages, new AbortController().signal);
  expect(await catalog.tasks.get('was never made')).toMatchObject({
    kind: 'purge',
    state: 'queued',
    parameters: { digest },
  });
});
