import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { OutboxEvent, Promotion } from '@gantry/catalog';
import { acceptPromotion } from '@gantry/pipeline';
import { openTree, readStatement, verifyTree } from '@gantry/tree';
import { GATED, type GatedPlace, image, NOW, openGatedPlace } from '../fixtures/gated-place.ts';
import type { PromoterCalls, PromoterCommand } from '../fixtures/promoter.child.ts';
import { seededRandom } from '../fixtures/seeded-random.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { SEED, SOAK } from './soak.ts';

/**
 * `kill -9` of a worker before each call that it makes of catalog and tree while it takes a promotion through its states.
 * Two others go on at once with what it left.
 */

const CHILD = fileURLToPath(new URL('../fixtures/promoter.child.ts', import.meta.url));
const STATES = ['queued', 'gating', 'promoting', 'publishing', 'done'];
const LATER = '9999-01-01T00:00:00.000Z';
const random = seededRandom(SEED);

/** A place in which a promotion of `app:2` has been accepted, as `latest` and `v2`. */
interface Prepared extends AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly promotion: string;
}

async function prepare(isReported: boolean): Promise<Prepared> {
  const folder = await temporaryFolder('promotion-base');
  await using place = await openGatedPlace(folder.path);
  await place.sync({ '1': image('1'), '2': image('2') });
  await place.report(image('1'));
  await accept(place, '1');
  await place.work();
  await place.flow.catalog.outbox.sent(await place.flow.catalog.outbox.pending(LATER, 1000));
  if (isReported) await place.report(image('2'));
  const promotion = await accept(place, '2');
  return { folder, promotion, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

async function accept({ flow }: GatedPlace, tag: string): Promise<string> {
  const items = [{ repository: 'app', reference: tag, tags: ['latest', `v${tag}`] }];
  return (await acceptPromotion(flow, GATED, { items, to: 'stable' }, { name: 'ci' })).promotion.id;
}

/** Runs the worker. @returns what it printed, and the signal that it ended by */
async function runWorker(command: PromoterCommand): Promise<{ calls: PromoterCalls; signal: string | null }> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(command)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed, [, signal]] = (await Promise.all([text(child.stdout), once(child, 'close')])) as [
    string,
    [number | null, NodeJS.Signals | null],
  ];
  return { calls: printed === '' ? [] : (JSON.parse(printed) as PromoterCalls), signal };
}

async function copyOf({ folder }: Prepared): Promise<TemporaryFolder> {
  const copy = await temporaryFolder('promotion-kill');
  await cp(folder.path, copy.path, { recursive: true });
  return copy;
}

/** Kills the worker at a call, and has two others go on. @returns the promotion as the kill left it, and whether its serial was there */
async function killAndGoOn(prepared: Prepared, killAt: string, isReported: boolean) {
  await using folder = await copyOf(prepared);
  expect(await runWorker({ folder: folder.path, killAt })).toEqual({ calls: [], signal: 'SIGKILL' });
  await using one = await openGatedPlace(folder.path);
  await using other = await openGatedPlace(folder.path);
  const { catalog } = one.flow;
  const left = (await catalog.promotions.get(prepared.promotion)) as Promotion;
  const serial = (await readStatement(one.tree.target.source))?.statement.serial;
  if (!isReported) await one.report(image('2'));
  // A lease that is over at once is anybody's: one of them may find that the other has gone on.
  await Promise.allSettled([one.work(), other.work()]);
  await one.work();
  await expectOnce(one, prepared.promotion);
  return { state: left.state, isPublished: serial === 2 };
}

/** The promotion is done, by one publication, and all that tells of it says so once. */
async function expectOnce({ flow: { catalog }, tree }: GatedPlace, id: string): Promise<void> {
  const promotion = (await catalog.promotions.get(id)) as Promotion;
  expect(promotion).toMatchObject({
    state: 'done',
    serial: 2,
    items: [{ state: 'done', digest: image('2').digest }],
    gates: [{ state: 'passed', digest: image('2').digest }],
  });
  expect(promotion.timeline.map(({ state }) => state)).toEqual(STATES);
  const { items: publications } = await catalog.publications.list('main', { limit: 100 });
  expect(publications.map(({ serial, state }) => [serial, state])).toEqual([
    [2, 'published'],
    [1, 'published'],
  ]);
  expect(publications.flatMap(({ promotions }) => promotions.filter((one) => one === id))).toEqual([id]);
  const events = await catalog.outbox.pending(LATER, 1000);
  expect(idsOf(events, /^p/)).toEqual(
    [
      `promotion/${id}/accepted`,
      `promotion/${id}/publishing`,
      `promotion/${id}/done`,
      'publication/main/2/done',
    ].toSorted(),
  );
  const view = await openTree(tree.target.source);
  expect(view?.statement.serial).toBe(2);
  expect(Object.fromEntries((await view?.repository('app'))?.tags ?? [])).toEqual({
    latest: image('2').digest,
    v1: image('1').digest,
    v2: image('2').digest,
  });
  const { findings } = await verifyTree(tree.target.source, { deep: true, nowMs: NOW.getTime() });
  expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
}

/** Ids of events, sorted; what told that gates are waited for is left out, as there may be some of it. */
function idsOf(events: readonly OutboxEvent[], type: RegExp): string[] {
  return events
    .filter((event) => type.test(event.type) && event.type !== 'promotion.waiting')
    .map(({ id }) => id)
    .toSorted();
}

/** Of the calls those that are tried: all in the soak, else these and a tenth of the others. */
function choose(calls: PromoterCalls, always: readonly string[]): readonly string[] {
  return calls.filter((call) => SOAK || always.includes(call) || random() < 0.1);
}

/** The call after another one. */
function after(calls: PromoterCalls, call: string): string {
  const next = calls[calls.indexOf(call) + 1];
  if (!calls.includes(call) || next === undefined)
    throw new Error(`nothing comes after ${call}: ${calls.join(' ')}`);
  return next;
}

async function callsOf(prepared: Prepared): Promise<PromoterCalls> {
  await using folder = await copyOf(prepared);
  const { calls, signal } = await runWorker({ folder: folder.path });
  expect(signal).toBeNull();
  return calls;
}

test(
  `a worker that is killed at any state of a promotion (${SOAK ? 'at each call' : 'at a tenth of the calls'}): it ends once, by one publication`,
  async () => {
    await using prepared = await prepare(true);
    const calls = await callsOf(prepared);
    const replace = 'catalog.promotions.replace';
    const moments = [
      `${replace}#1`, // queued
      after(calls, `${replace}#1`), // gating
      after(calls, `${replace}#2`), // promoting
      after(calls, `${replace}#3`), // publishing
      'target.movePointer#1',
      after(calls, 'target.movePointer#1'),
      `${replace}#4`,
    ];
    const found = new Map<string, Awaited<ReturnType<typeof killAndGoOn>>>();
    for (const call of choose(calls, moments)) found.set(call, await killAndGoOn(prepared, call, true));
    expect(moments.map((call) => found.get(call))).toEqual([
      { state: 'queued', isPublished: false },
      { state: 'gating', isPublished: false },
      { state: 'promoting', isPublished: false },
      { state: 'publishing', isPublished: false },
      { state: 'publishing', isPublished: false },
      { state: 'publishing', isPublished: true },
      { state: 'publishing', isPublished: true },
    ]);
  },
  SOAK ? 900_000 : 120_000,
);

test(
  'a worker that is killed while a gate waits: it ends once, when the evidence has come',
  async () => {
    await using prepared = await prepare(false);
    const calls = await callsOf(prepared);
    const moments = ['catalog.promotions.replace#2', after(calls, 'catalog.promotions.replace#2')];
    for (const call of choose(calls, moments)) await killAndGoOn(prepared, call, false);
    expect(calls.filter((call) => call.startsWith('catalog.promotions.replace'))).toHaveLength(2);
  },
  SOAK ? 300_000 : 60_000,
);
