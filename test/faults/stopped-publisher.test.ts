import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Catalog, openCatalog } from '@gantry/catalog';
import {
  acceptPromotion,
  type Channel,
  createPublisher,
  type Flow,
  openFilesystemTarget,
  type Publisher,
  runPromotion,
} from '@gantry/pipeline';
import { makeImage, makeIndex, makeLayer } from '@gantry/registry';
import { openStore } from '@gantry/store';
import { directoryTree, openTree, readStatement, type TreeSource, verifyTree } from '@gantry/tree';
import { seededRandom } from '../fixtures/seeded-random.ts';
import { openSyncHere } from '../fixtures/sync-here.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';
import type { PublisherAnswer, PublisherCommand } from './stopped-publisher.child.ts';

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
  'catalog.channels.tagsOf': 1,
  'catalog.leases.acquire': 1,
  'catalog.leases.release': 1,
  'catalog.leases.renew': 3,
  'catalog.manifests.getAll': 3,
  'catalog.pool.apply': 1,
  'catalog.pool.getAll': 2,
  'catalog.pool.list': 1,
  'catalog.pool.serial': 1,
  'catalog.promotions.get': 2,
  'catalog.promotions.inStates': 3,
  'catalog.promotions.replace': 1,
  'catalog.publications.get': 1,
  'catalog.publications.put': 2,
  'files.link lists': 2,
  'files.link pool': 4,
  'files.link serial': 1,
  'files.mkdir .tmp': 2,
  'files.readdir .tmp': 1,
  'files.readdir serial': 3,
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

const CHANNELS: readonly Channel[] = [{ name: 'stable', prefix: '', publish: true }];
const AMD64 = { os: 'linux', architecture: 'amd64' };
const imageOf = (tag: string) =>
  makeIndex([makeImage({ platform: AMD64, layers: [makeLayer([{ path: 'a', content: tag }])] })]);
/** A full list is made on each, and the oldest one goes. The publication that is stopped is of the fourth. */
const DAYS = [1, 2, 3, 4, 5].map((day) => `2026-11-2${day}T09:00:00.000Z`);
const [FIRST, SECOND, THIRD, STOPPED, SUCCESSOR] = DAYS as [string, string, string, string, string];
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Catalog, store and tree in a folder, opened in this process. */
interface Opened extends AsyncDisposable {
  readonly catalog: Catalog;
  readonly flow: Flow;
  readonly publisher: Publisher;
  /** Accepts a promotion of `app` and takes it to where only the publisher goes on. @returns its id */
  promote(reference: string): Promise<string>;
}

async function openFolder(folder: string, now: string): Promise<Opened> {
  const opened = new AsyncDisposableStack();
  const catalog = opened.use(await openCatalog({ sqlite: { file: path.join(folder, 'catalog.db') } }));
  const store = opened.use(await openStore({ filesystem: { root: path.join(folder, 'store') } }));
  const flow: Flow = { catalog, store, log: silent, now: () => new Date(now), holder: 'the successor' };
  const publisher = createPublisher(flow, {
    name: 'main',
    target: await openFilesystemTarget(path.join(folder, 'tree'), store),
    channels: CHANNELS,
    keepUntaggedMs: 86_400_000,
    refreshMs: 86_400_000,
  });
  return {
    catalog,
    flow,
    publisher,
    async promote(reference) {
      const { promotion } = await acceptPromotion(
        flow,
        CHANNELS,
        { items: [{ repository: 'app', reference, tags: ['latest'] }], to: 'stable' },
        { name: 'tests' },
      );
      await runPromotion(flow, promotion.id);
      return promotion.id;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** A publisher in a process of its own, that does one command after the other. */
interface Child extends AsyncDisposable {
  readonly process: ChildProcess;
  /** Resolves with the answer; rejects when the process ends without one. */
  command(command: PublisherCommand): Promise<PublisherAnswer>;
}

function startChild(): Child {
  const file = fileURLToPath(new URL('stopped-publisher.child.ts', import.meta.url));
  const child = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    async command(command) {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      const { value, done } = await answers.next();
      if (done === true) {
        await ended;
        throw new Error(`the publisher ended by ${child.signalCode ?? child.exitCode}`);
      }
      return JSON.parse(value) as PublisherAnswer;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL'); // also ends one that is stopped
      await ended;
    },
  };
}

/** Whether a process is stopped, as the kernel tells it (proc_pid_stat(5)). */
async function isStopped({ pid }: ChildProcess): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')')).startsWith(') T');
}

let base: TemporaryFolder;
/** The promotion of `2` that waits for a publisher in `base`. */
let waiting: string;
let child: Child;

beforeAll(async () => {
  base = await temporaryFolder('stopped-base');
  child = startChild();
  await using here = await openSyncHere();
  for (const tag of ['1', '2', '3']) here.upstream.push('app', imageOf(tag), tag);
  await here.sync();
  const folder = path.dirname(here.storeFolder);
  for (const day of [FIRST, SECOND, THIRD, STOPPED]) {
    await using opened = await openFolder(folder, day);
    if (day === FIRST) await opened.promote('1');
    if (day === STOPPED) waiting = await opened.promote('2');
    else await opened.publisher.publishPending();
    if (day !== STOPPED) await opened.publisher.refresh();
  }
  await mkdir(path.join(folder, 'tree/.tmp/of-one-that-died'));
  await writeFile(path.join(folder, 'tree/.tmp/of-one-that-died/file'), 'half');
  await cp(folder, base.path, { recursive: true });
}, 60_000);

afterAll(async () => {
  await child[Symbol.asyncDispose]();
  await base[Symbol.asyncDispose]();
});

/** A copy of what was prepared. */
async function copyOfBase(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder('stopped');
  await cp(base.path, folder.path, { recursive: true });
  return folder;
}

test('the steps of a publication are those that are tried here', async () => {
  await using folder = await copyOfBase();
  const { outcome, steps } = await child.command({ folder: folder.path, now: STOPPED });
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
      await using folder = await copyOfBase();
      const answer = child.command({ folder: folder.path, now: STOPPED, stopBefore });
      await stopped(child, answer);
      const next = await succeed(folder.path, successorsDay);
      child.process.kill('SIGCONT');
      expect(outcomeOf(await answer)).toMatch(AS_IT_MAY_END);
      await expectIntact(folder.path, next);
    },
    30_000,
  );

  const random = seededRandom(SEED);
  const any = () => calls[Math.floor(random() * calls.length)] as string;
  test.each(Array.from({ length: PAIRS }, () => [any(), any()] as const))(
    'before %s while its successor is stopped before %s harms nothing that either did',
    async (stopBefore, nextStopBefore) => {
      await using folder = await copyOfBase();
      await using successor = startChild();
      const command = { folder: folder.path, now: STOPPED };
      const answer = child.command({ ...command, stopBefore });
      await stopped(child, answer);
      const itsAnswer = successor.command({ ...command, stopBefore: nextStopBefore });
      // With less left to do, it may come to its end without that step.
      await Promise.race([stopped(successor, itsAnswer).catch(() => undefined), itsAnswer]);
      child.process.kill('SIGCONT');
      expect(outcomeOf(await answer)).toMatch(AS_IT_MAY_END);
      successor.process.kill('SIGCONT');
      expect(outcomeOf(await itsAnswer)).toMatch(AS_IT_MAY_END);
      await expectIntact(folder.path, await succeed(folder.path, SUCCESSOR));
    },
    30_000,
  );
});

/** Of one that was followed: it noticed, or there was nothing left to do. */
const AS_IT_MAY_END = /^(?:done|LEASE_LOST: .*)$/;

function outcomeOf({ outcome, message }: PublisherAnswer): string {
  return message === undefined ? outcome : `${outcome}: ${message}`;
}

/** What a successor has done, and is there for. */
interface Succeeded {
  readonly opened: Opened;
  /** Its last serial. */
  readonly serial: number;
  /** All promotions but the first. */
  readonly promotions: readonly string[];
}

/** Waits until the publisher has stopped itself. */
async function stopped(one: Child, answer: Promise<PublisherAnswer>): Promise<void> {
  let early: PublisherAnswer | undefined;
  answer.then(
    (given) => (early = given),
    () => undefined, // told by whoever awaits it
  );
  await until('the publisher to be stopped', async () => {
    if (early !== undefined) return true;
    return isStopped(one.process);
  });
  if (early !== undefined) throw new Error(`it was never there: ${JSON.stringify(early)}`);
}

/** Takes the lease over, publishes what waits, and then the image `3`. */
async function succeed(folder: string, day: string): Promise<Succeeded> {
  const opened = await openFolder(folder, day);
  await opened.publisher.publishPending();
  const promotions = [waiting, await opened.promote('3')];
  await opened.publisher.publishPending();
  const view = await openTree(directoryTree(path.join(folder, 'tree')));
  if (view === undefined) throw new Error('there is no tree');
  return { opened, serial: view.statement.serial, promotions };
}

/** What was published stays so, in the tree and in the catalog, and the next publication goes on from there. */
async function expectIntact(folder: string, { opened, serial, promotions }: Succeeded): Promise<void> {
  const { catalog, publisher } = opened;
  const tree = directoryTree(path.join(folder, 'tree'));
  const expectLatest = async (tag: string, lowest: number) => {
    const expected = imageOf(tag).digest;
    const view = await openTree(tree);
    expect(view?.statement.serial).toBeGreaterThanOrEqual(lowest);
    expect((await view?.repository('app'))?.tags.get('latest')).toBe(expected);
    expect((await catalog.channels.tag('stable', 'app', 'latest'))?.digest).toBe(expected);
    const { errors, findings } = await verifyTree(tree, { deep: true, nowMs: Date.parse(SUCCESSOR) });
    expect({ errors, findings: findings.filter(({ severity }) => severity === 'error') }).toEqual({
      errors: 0,
      findings: [],
    });
  };
  try {
    await expectLatest('3', serial);
    await expectEndedOnce(catalog, promotions);
    await expectRecorded(catalog, tree, promotions);

    await publisher.publishAll();
    expect((await catalog.channels.tag('stable', 'app', 'latest'))?.digest).toBe(imageOf('3').digest);
    const after = await opened.promote('1');
    await publisher.publishPending();
    await expectLatest('1', serial + 1);
    await expectEndedOnce(catalog, [...promotions, after]);
    const names = await readdir(path.join(folder, 'tree/.tmp'), { recursive: true, withFileTypes: true });
    expect(names.filter((name) => name.isFile())).toEqual([]);
    const pool = new Set((await Array.fromAsync(catalog.pool.list('main'))).map((object) => object.path));
    for await (const { path: file } of tree.list('pool')) pool.delete(file);
    expect([...pool]).toEqual([]);
  } finally {
    await opened[Symbol.asyncDispose]();
  }
}

/** The catalog has each serial of the tree as it was published, and each promotion in one of them. */
async function expectRecorded(
  catalog: Catalog,
  tree: TreeSource,
  promotions: readonly string[],
): Promise<void> {
  const inThose: string[] = [];
  let serial: number | undefined;
  do {
    const { statement } = (await readStatement(tree, serial)) ?? {};
    if (statement === undefined) throw new Error(`serial ${serial} has no statement`);
    const known = await catalog.publications.get('main', statement.serial);
    expect(known).toMatchObject({ state: 'published', root: statement.root });
    inThose.push(...(known?.promotions ?? []));
    serial = statement.previous?.serial;
  } while (serial !== undefined);
  expect(inThose.filter((id) => promotions.includes(id)).toSorted()).toEqual(promotions.toSorted());
}

/** Each promotion is done, came to that once, and told so once. */
async function expectEndedOnce(catalog: Catalog, promotions: readonly string[]): Promise<void> {
  const events = await catalog.outbox.pending('9999-01-01T00:00:00.000Z', 1000);
  for (const id of promotions) {
    const promotion = await catalog.promotions.get(id);
    expect(promotion?.timeline.filter(({ state }) => state === 'done')).toHaveLength(1);
    expect(promotion?.timeline.at(-1)?.state).toBe('done');
    expect(events.filter((event) => event.type === 'promotion.done' && event.subject === id)).toHaveLength(1);
  }
}
