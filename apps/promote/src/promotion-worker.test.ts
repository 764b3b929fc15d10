import { randomUUID } from 'node:crypto';
import type { Promotion } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import { acceptPromotion, type Channel, type Flow, openGates, reconsider } from '@gantry/pipeline';
import { type ApiFixture, openApi } from './api/api.fixture.ts';
import { EvidenceQueue } from './evidence-queue.ts';
import { isDue } from './gate-sweep.ts';
import { startPromotionWorker } from './promotion-worker.ts';

const PROMOTIONS = '/api/v1/promotions';
const CHANNEL: Channel = { name: 'stable', prefix: '', publish: true };
const gates = openGates([{ name: 'tests', waitMs: 3_600_000, results: { testcases: ['boot'] } }]);

const startWorker = ({ flow, messages, publishers, channels }: ApiFixture) =>
  startPromotionWorker(flow, messages, publishers, channels);

test('a hundred promotions at once are few serials, and each knows its own', async () => {
  await using api = await openApi({ channels: [CHANNEL] });
  for (let n = 0; n < 100; n++) await api.putCandidate(`app${n % 10}`, `v${n}`);
  await using _ = await startWorker(api);
  const headers = { Prefer: 'wait=60' };
  const ended = await Promise.all(
    Array.from({ length: 100 }, (_each, n) => {
      const items = [{ repository: `app${n % 10}`, reference: `v${n}`, tags: [`v${n}`, 'latest'] }];
      return api.call('POST', PROMOTIONS, { body: { to: 'stable', items }, headers });
    }),
  );
  expect(ended.map(({ body }) => body.state)).toEqual(ended.map(() => 'done'));
  const { items: publications } = await api.flow.catalog.publications.list('main', { limit: 1000 });
  expect(publications.length).toBeLessThanOrEqual(10);
  for (const { body } of ended) {
    const having = publications.filter(({ promotions }) => promotions.includes(body.id));
    expect(having.map(({ serial }) => serial)).toEqual([body.serial]);
  }
}, 60_000);

async function report({ flow }: Pick<ApiFixture, 'flow'>, digest: Digest): Promise<void> {
  const id = randomUUID();
  const submittedAt = new Date().toISOString();
  const common = { groups: [], data: {}, submittedBy: 'lab', source: 'lab' };
  await flow.catalog.results.put({ id, digest, testcase: 'boot', outcome: 'PASSED', submittedAt, ...common });
}

test('a promotion whose gate waits goes on as soon as word of the evidence comes', async () => {
  await using api = await openApi({ channels: [{ ...CHANNEL, gates }] });
  const image = await api.putCandidate('app', '1');
  await using _ = await startWorker(api);
  const body = { to: 'stable', items: [{ repository: 'app', reference: '1' }] };
  const { body: asked } = await api.call('POST', PROMOTIONS, { body });
  const get = () => api.flow.catalog.promotions.get(asked.id);
  while ((await get())?.gates === undefined) await new Promise((resolve) => setImmediate(resolve));
  await report(api, image.digest);
  await reconsider(api.flow, api.messages, { digest: image.digest });
  const ended = await api.call('GET', `${PROMOTIONS}/${asked.id}`, { headers: { Prefer: 'wait=60' } });
  expect(ended.body).toMatchObject({ state: 'done', gates: [{ gate: 'tests', state: 'passed' }] });
});

test('word of evidence is not sent when nothing waits', async () => {
  await using api = await openApi();
  const image = await api.putCandidate('app', '1');
  await reconsider(api.flow, api.messages, { digest: image.digest });
  expect(await api.waiting('promote')).toBe(0);
});

async function openWaiting(): Promise<ApiFixture & { ids: readonly string[]; digests: readonly Digest[] }> {
  const api = await openApi({ channels: [{ ...CHANNEL, gates }] });
  const ids: string[] = [];
  const digests: Digest[] = [];
  for (const tag of ['1', '2', '3']) {
    digests.push((await api.putCandidate('app', tag)).digest);
    const request = { to: 'stable', items: [{ repository: 'app', reference: tag }] };
    const { promotion } = await acceptPromotion(api.flow, api.channels, request, { name: 'ci' });
    await api.work(promotion.id);
    ids.push(promotion.id);
  }
  return Object.assign(api, { ids, digests });
}

describe('evidence', () => {
  test('has those promotions looked at that it is of, and one look is for all that came during the last one', async () => {
    await using api = await openWaiting();
    let looks = 0;
    const { promotions } = api.flow.catalog;
    const catalog = Object.create(api.flow.catalog, {
      promotions: {
        value: {
          ...promotions,
          inStates: (states: Promotion['state'][]) => (looks++, promotions.inStates(states)),
        },
      },
    }) as Flow['catalog'];
    const ran: string[] = [];
    const queue = new EvidenceQueue({ ...api.flow, catalog }, async (id) => void ran.push(id));
    const [one, two, three] = api.digests as [Digest, Digest, Digest];
    await Promise.all([one, one, two, two, one].map((digest) => queue.add(digest)));
    expect([looks, ran.toSorted()]).toEqual([1, api.ids.slice(0, 2).toSorted()]);
    const first = queue.add(three);
    await Promise.resolve();
    await Promise.all([first, queue.add(three)]);
    expect(ran.slice(2)).toEqual(Array.from({ length: looks - 1 }, () => api.ids[2]));
  });

  test('of which one look fails is looked for by the next', async () => {
    await using api = await openWaiting();
    let fails = true;
    const queue = new EvidenceQueue(api.flow, async () => {
      if (fails) throw new Error('not now');
    });
    const [digest] = api.digests as [Digest];
    await expect(queue.add(digest)).rejects.toThrow('not now');
    fails = false;
    await queue.add(digest);
  });
});

describe('a promotion that waits is looked at', () => {
  const since = Date.parse('2026-11-21T09:00:00.000Z');
  const waiting: Promotion = {
    id: 'p',
    sequence: 1,
    revision: 3,
    kind: 'promote',
    to: 'stable',
    state: 'gating',
    atomic: false,
    items: [],
    requestedBy: 'ci',
    timeline: [{ at: new Date(since).toISOString(), state: 'gating' }],
    createdAt: new Date(since).toISOString(),
  };
  const verdict = (evidence: Record<string, string>): Promotion => ({
    ...waiting,
    gates: [
      {
        gate: 'tests',
        kind: 'age',
        repository: 'app',
        digest: `sha256:${'0'.repeat(64)}`,
        state: 'waiting',
        at: waiting.createdAt,
        requirements: [
          { name: 'age', satisfied: false, type: 'age-too-young', detail: 'x', pending: true, evidence },
        ],
      },
    ],
  });
  const soon = verdict({ notBefore: new Date(since + 10_000).toISOString() });
  const late = verdict({});
  const inWait = [{ ...CHANNEL, gates }];
  const HOUR = 3_600_000;

  test.each([
    ['whose gates nobody has asked yet, after a while', waiting, 4000, 0, false],
    ['whose gates nobody has asked yet, after a while', waiting, 5000, 0, true],
    ['at the time that a gate waits for', soon, 9999, 0, false],
    ['at the time that a gate waits for', soon, 10_000, 0, true],
    ['not again for a time that is over', soon, 15_000, 11_000, false],
    ['every half a minute', late, 29_999, 0, false],
    ['every half a minute', late, 30_000, 0, true],
    ['every half a minute, from the last time on', late, 50_000, 30_000, false],
    ['when the wait is over', late, HOUR, HOUR - 10, true],
  ])('%s (%#)', (_what, promotion, afterMs, askedAfterMs, expected) => {
    expect(isDue(promotion, inWait, new Date(since + afterMs), since + askedAfterMs)).toBe(expected);
  });
});
