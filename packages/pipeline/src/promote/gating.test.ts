import { randomUUID } from 'node:crypto';
import { type Approval, type Promotion, type Requirement, updatePromotion } from '@gantry/catalog';
import { type Digest, Fault } from '@gantry/oci';
import { makeImage, makeLayer, makeSignature } from '@gantry/registry';
import { openTree } from '@gantry/tree';
import type { Channel } from '../context.ts';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import type { Gate, GateSubject } from '../gate/gate.ts';
import { openGates } from '../gate/open-gates.ts';
import { acceptPromotion } from './accept.ts';
import { passGates } from './pass-gates.ts';
import { RECORD_MAX_BYTES, sizeOfRecord } from './record-size.ts';
import { runPromotion } from './run-promotion.ts';

const HOUR = 3_600_000;
const image = (text: string) =>
  makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [makeLayer([{ path: 'a', content: text }])],
  });
const gates = openGates([{ name: 'tests', waitMs: HOUR, results: { testcases: ['boot'] } }]);

async function openGated(by: readonly Gate[] = gates): Promise<FlowFixture> {
  const channel: Channel = { name: 'stable', prefix: '', publish: true, gates: by };
  const fixture = await openFlow({}, [channel]);
  for (const tag of ['1', '2']) fixture.upstream.push('app', image(tag), tag);
  await fixture.sync();
  return fixture;
}
const items = ['1', '2'].map((reference) => ({ repository: 'app', reference }));

async function report({ flow }: FlowFixture, digest: Digest, outcome: 'PASSED' | 'FAILED'): Promise<void> {
  const at = flow.now().toISOString();
  await flow.catalog.results.put({
    id: randomUUID(),
    digest,
    testcase: 'boot',
    outcome,
    source: 'lab',
    groups: [],
    data: {},
    submittedBy: 'lab',
    submittedAt: at,
  });
}

const run = ({ flow, channels }: FlowFixture, id: string) => runPromotion(flow, channels, id);
const statesOf = (promotion: Promotion | undefined) => [
  promotion?.state,
  ...(promotion?.items.map(({ state }) => state) ?? []),
];

describe('a promotion to a channel with gates', () => {
  test('waits, is not written while nothing changes, and goes on when all has come', async () => {
    await using fixture = await openGated();
    const id = await fixture.promote({ items, to: 'stable' });
    const waiting = await fixture.flow.catalog.promotions.get(id);
    expect(statesOf(waiting)).toEqual(['gating', 'accepted', 'accepted']);
    expect(waiting?.gates?.map(({ digest, state }) => [digest, state])).toEqual([
      [image('1').digest, 'waiting'],
      [image('2').digest, 'waiting'],
    ]);
    fixture.clock = new Date('2026-11-21T09:10:00.000Z');
    expect(await run(fixture, id)).toEqual(waiting);

    await report(fixture, image('1').digest, 'PASSED');
    const half = await run(fixture, id);
    expect(half?.revision).toBe((waiting?.revision ?? 0) + 1);
    expect(half?.gates?.map(({ state, at }) => [state, at])).toEqual([
      ['passed', '2026-11-21T09:10:00.000Z'],
      ['waiting', '2026-11-21T09:00:00.000Z'],
    ]);
    await report(fixture, image('2').digest, 'PASSED');
    expect((await run(fixture, id))?.state).toBe('publishing');
    await fixture.publisher.publishPending();
    expect(statesOf(await fixture.flow.catalog.promotions.get(id))).toEqual(['done', 'done', 'done']);
  });

  test.each([
    [false, ['gating', 'refused', 'accepted'], ['partial', 'refused', 'done']],
    [true, ['refused', 'refused', 'refused'], ['refused', 'refused', 'refused']],
  ])('loses what is refused (atomic: %s)', async (atomic, meanwhile, atLast) => {
    await using fixture = await openGated();
    const id = await fixture.promote({ items, to: 'stable', atomic });
    await report(fixture, image('1').digest, 'FAILED');
    const refused = await run(fixture, id);
    expect(statesOf(refused)).toEqual(meanwhile);
    expect(refused?.items[0]?.problem).toMatchObject({
      type: 'urn:gantry:problem:gate-refused',
      detail: expect.stringContaining('refused by tests: '),
      gates: 'tests',
    });
    await report(fixture, image('1').digest, 'PASSED'); // too late for what was refused
    await report(fixture, image('2').digest, 'PASSED');
    await run(fixture, id);
    await fixture.publisher.publishPending();
    const ended = await fixture.flow.catalog.promotions.get(id);
    expect(statesOf(ended)).toEqual(atLast);
    expect(ended?.gates?.map(({ state }) => state)).toEqual(
      atomic ? ['refused', 'waiting'] : ['refused', 'passed'],
    );
  });

  test('is refused when the time that a gate waits is over', async () => {
    await using fixture = await openGated();
    const id = await fixture.promote({ items, to: 'stable' });
    fixture.clock = new Date(fixture.clock.getTime() + HOUR - 1);
    expect((await run(fixture, id))?.state).toBe('gating');
    fixture.clock = new Date(fixture.clock.getTime() + 1);
    const ended = await run(fixture, id);
    expect(statesOf(ended)).toEqual(['refused', 'refused', 'refused']);
    expect(ended?.endedAt).toBe(fixture.clock.toISOString());
  });

  test('is of the digest that was gated, whatever its tag means by then', async () => {
    await using fixture = await openGated();
    const id = await fixture.promote({ items: [{ repository: 'app', reference: '1' }], to: 'stable' });
    fixture.upstream.push('app', image('moved'), '1');
    await fixture.sync();
    await report(fixture, image('moved').digest, 'PASSED');
    expect((await run(fixture, id))?.state).toBe('gating');
    await report(fixture, image('1').digest, 'PASSED');
    await run(fixture, id);
    await fixture.publisher.publishPending();
    const app = await (await openTree(fixture.treeSource))?.repository('app');
    expect(app?.tags.get('1')).toBe(image('1').digest);
  });

  test('takes along what was signed while it waited', async () => {
    await using fixture = await openGated();
    const id = await fixture.promote({ items: [{ repository: 'app', reference: '1' }], to: 'stable' });
    const signature = makeSignature('app', image('1'));
    const companion = `${image('1').digest.replace(':', '-')}.sig`;
    fixture.upstream.push('app', signature, companion);
    await fixture.sync();
    const waiting = await run(fixture, id);
    expect(waiting?.items[0]?.companions).toEqual([{ tag: companion, digest: signature.digest }]);
    expect(await run(fixture, id)).toEqual(waiting);
    await report(fixture, image('1').digest, 'PASSED');
    await run(fixture, id);
    await fixture.publisher.publishPending();
    const app = await (await openTree(fixture.treeSource))?.repository('app');
    expect(app?.tags.get(companion)).toBe(signature.digest);
  });

  test('looks at an approval that comes while its gates are asked', async () => {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    const [approvals] = openGates([{ approvals: { count: 1 } }]);
    const slow: Gate = {
      ...(approvals as Gate),
      async evaluate(subject, context) {
        const found = await (approvals as Gate).evaluate(subject, context);
        asked.resolve();
        await answer.promise;
        return found;
      },
    };
    await using fixture = await openGated([slow]);
    const { flow, channels } = fixture;
    const { promotion } = await acceptPromotion(flow, channels, { items, to: 'stable' }, { name: 'ci' });
    const running = run(fixture, promotion.id);
    await asked.promise;
    const approval: Approval = { by: 'alice', groups: [], at: flow.now().toISOString() };
    await updatePromotion(flow.catalog, promotion.id, (now) => ({ ...now, approvals: [approval] }));
    answer.resolve();
    expect((await running)?.state).toBe('publishing');
  });

  test.each([
    ['says nothing of it', async () => [], 'done'],
    ['throws', () => Promise.reject(new Error('no')), 'refused'],
    ['can not answer', () => Promise.reject(new Fault('UNAVAILABLE', 'not now')), 'gating'],
  ])('by a gate that %s', async (_what, evaluate, state) => {
    await using fixture = await openGated([{ name: 'odd', kind: 'http', waitMs: HOUR, evaluate }]);
    const id = await fixture.promote({ items, to: 'stable' });
    await fixture.publisher.publishPending();
    expect((await fixture.flow.catalog.promotions.get(id))?.state).toBe(state);
  });

  test('that is configured no more is refused', async () => {
    await using fixture = await openGated();
    const id = await fixture.promote({ items, to: 'stable' });
    const ended = await runPromotion(fixture.flow, [], id);
    expect(ended).toMatchObject({ state: 'refused', items: [{ problem: { channel: 'stable' } }, {}] });
  });

  test('is cancelled while it waits, and evidence that comes then changes nothing', async () => {
    await using fixture = await openGated();
    const id = await fixture.promote({ items, to: 'stable' });
    const { promotions } = fixture.flow.catalog;
    const waiting = (await promotions.get(id)) as Promotion;
    await promotions.replace({ ...waiting, state: 'cancelled' });
    for (const tag of ['1', '2']) await report(fixture, image(tag).digest, 'PASSED');
    expect((await run(fixture, id))?.state).toBe('cancelled');
    await fixture.publisher.publishPending();
    expect(await fixture.tree.target.highestSerial()).toBe(0);
  });
});

const many = (count: number, requirements: (subject: GateSubject) => readonly Requirement[]) => {
  const gate: Gate = { name: 'g', kind: 'http', waitMs: HOUR, evaluate: async (one) => requirements(one) };
  const channel: Channel = { name: 'stable', prefix: '', publish: true, gates: [gate] };
  const promotion: Promotion = {
    id: 'p',
    sequence: 1,
    revision: 2,
    kind: 'promote',
    to: 'stable',
    state: 'gating',
    atomic: false,
    items: Array.from({ length: count }, (_, n) => ({
      channel: 'stable',
      repository: `r${n}`,
      reference: '1',
      digest: image('1').digest,
      tags: ['1'],
      companions: [],
      referrers: [],
      state: 'accepted' as const,
    })),
    requestedBy: 'ci',
    timeline: [{ at: '2026-11-21T09:00:00.000Z', state: 'gating' }],
    createdAt: '2026-11-21T09:00:00.000Z',
  };
  return { channel, promotion };
};
const requirement = (satisfied: boolean, length: number): Requirement => ({
  name: 'r',
  satisfied,
  type: 't',
  detail: 'x'.repeat(length),
  ...(satisfied ? {} : { pending: true }),
});

describe('what gates say of many images', () => {
  test('is kept short where it has passed, when it would be too much', async () => {
    await using fixture = await openFlow();
    const { channel, promotion } = many(2000, () => [requirement(true, 10_000)]);
    const passed = await passGates(fixture.flow, [channel], promotion);
    expect([passed.state, passed.gates?.length, passed.gates?.[0]?.requirements]).toEqual([
      'promoting',
      2000,
      [],
    ]);
    expect(sizeOfRecord(passed)).toBeLessThan(RECORD_MAX_BYTES);
  });

  test('refuses the promotion where even that is too much', async () => {
    await using fixture = await openFlow();
    const { channel, promotion } = many(2000, () => [requirement(false, 10_000)]);
    const refused = await passGates(fixture.flow, [channel], promotion);
    expect([refused.state, refused.gates, refused.error?.type]).toEqual([
      'refused',
      undefined,
      'urn:gantry:problem:request-unprocessable',
    ]);
    expect(sizeOfRecord(refused)).toBeLessThan(RECORD_MAX_BYTES);
  });
});
