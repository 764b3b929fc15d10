import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { CloudEvent } from '@gantry/messages';
import { runPromotion } from '../promote/run-promotion.ts';
import { createPublisher } from '../publish/publisher.ts';
import { startEventSender } from './event-sender.ts';
import { openParts } from './kill.fixture.ts';

const CHILD = fileURLToPath(new URL('kill.child.ts', import.meta.url));
const LATER = '9999-01-01T00:00:00.000Z';

interface Victim {
  readonly child: ChildProcess;
  /** The next line that it says. */
  next(): Promise<string>;
  kill(): Promise<void>;
}

function start(root: string, name: string, when: string): Victim {
  const child = spawn(process.execPath, [CHILD, root, name, when], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    async next() {
      const { done, value } = await lines.next();
      if (done === true) throw new Error('the child has ended by itself');
      return value;
    },
    async kill() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

async function temporaryRoot() {
  const root = await mkdtemp(join(tmpdir(), 'gantry-kill-'));
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}

/** What the broker got from the children, in its order. */
async function brokerOf(root: string): Promise<CloudEvent[]> {
  const text = await readFile(join(root, 'broker'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as CloudEvent);
}

/** Goes on as another process would, until nothing is left. @returns the events that it sent */
async function takeOver(root: string): Promise<CloudEvent[]> {
  await using parts = await openParts(root);
  const { flow, tree } = parts;
  const sent: CloudEvent[] = [];
  const messages = {
    publish: async (event: CloudEvent) => {
      sent.push(event);
    },
  };
  await using _ = startEventSender({ flow, messages, settledMs: 20, sweepEveryMs: 20 });
  const publisher = createPublisher(flow, tree);
  const { promotions, leases, outbox } = flow.catalog;
  for (const lease of await leases.list()) await leases.release(lease); // of the dead, so that it need not be waited for
  for (;;) {
    for (const { id } of await promotions.inStates(['queued', 'gating', 'promoting']))
      await runPromotion(flow, tree.channels, id);
    await publisher.publishPending();
    const open = await promotions.inStates(['queued', 'gating', 'promoting', 'publishing']);
    if (open.length === 0 && (await outbox.pending(LATER, 1)).length === 0) return sent;
    await pause(10);
  }
}

test.each([
  ['before-publish', 'with the event stored and not published: it is sent by another'],
  ['after-publish', 'with the event published and not taken out: it is sent again, under the same id'],
])(
  'a process is killed %s, %s',
  async (when) => {
    await using temporary = await temporaryRoot();
    const { root } = temporary;
    const victim = start(root, 'a', when);
    let held = '';
    while (!held.startsWith('holds ')) held = await victim.next();
    await victim.kill();
    const first = await brokerOf(root);
    const then = await takeOver(root);
    const id = held.slice('holds '.length);
    const sent = [...first, ...then].filter((event) => event.id === id);
    expect(sent).toHaveLength(when === 'before-publish' ? 1 : 2);
    for (const event of sent) expect(event).toEqual(sent[0]);
  },
  60_000,
);

test('processes are killed at random moments, and no event of what is in the catalog is lost', async () => {
  await using temporary = await temporaryRoot();
  const { root } = temporary;
  for (let round = 0; round < 8; round++) {
    const victim = start(root, `r${round}`, 'at-random');
    await victim.next(); // it works
    await pause(Math.random() * 150);
    await victim.kill();
  }
  const events = [...(await brokerOf(root)), ...(await takeOver(root))];

  const byId = new Map<string, CloudEvent>();
  const order: string[] = [];
  for (const event of events) {
    // a repeat is the same
    expect(event).toEqual(byId.get(event.id) ?? event);
    if (!byId.has(event.id)) order.push(event.id);
    byId.set(event.id, event);
  }
  await using parts = await openParts(root);
  const { candidates, promotions, publications } = parts.flow.catalog;
  const of = (type: string) => order.filter((id) => byId.get(id)?.type === type);

  const all = await promotions.list({ limit: 1000 });
  expect(all.items.length).toBeGreaterThanOrEqual(8);
  expect(all.items.filter(({ state }) => state !== 'done')).toEqual([]);
  const ids = (what: string) => all.items.map(({ id }) => `promotion/${id}/${what}`).toSorted();
  expect(of('promotion.accepted').toSorted()).toEqual(ids('accepted'));
  expect(of('promotion.done').toSorted()).toEqual(ids('done'));
  for (const { id } of all.items) {
    expect(order.indexOf(`promotion/${id}/accepted`)).toBeLessThan(order.indexOf(`promotion/${id}/done`));
  }
  const published = await publications.list('main', { limit: 1000 });
  expect(of('publication.done').toSorted()).toEqual(
    published.items
      .filter(({ state }) => state === 'published')
      .map(({ serial }) => `publication/main/${serial}/done`)
      .toSorted(),
  );
  const synced = await candidates.list({ limit: 1000 });
  expect(of('candidate.synced')).toHaveLength(synced.items.length);
}, 120_000);
