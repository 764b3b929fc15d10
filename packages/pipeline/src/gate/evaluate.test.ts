import type { Requirement, Waiver } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { evaluateGates, type GatingOptions } from './evaluate.ts';
import type { Gate, GateSubject } from './gate.ts';
import { openGates } from './open-gates.ts';

const DIGEST = `sha256:${'0'.repeat(64)}` as const;
const subject: GateSubject = {
  channel: 'stable',
  repository: 'app',
  reference: '1.0',
  digest: DIGEST,
  tags: ['1.0'],
  referrers: [],
  companions: [],
  requestedBy: 'bot',
  approvals: [],
};
const missing: Requirement = { name: 'smoke', satisfied: false, type: 'test-result-missing', detail: 'none' };

const gate = (name: string, evaluate: Gate['evaluate'], some: Partial<Gate> = {}): Gate => ({
  name,
  kind: 'results',
  waitMs: 0,
  evaluate,
  ...some,
});
const evaluate = (fixture: FlowFixture, gates: readonly Gate[], options: Partial<GatingOptions> = {}) =>
  evaluateGates(fixture.flow, { name: 'stable', gates }, [subject], { since: fixture.clock, ...options });
const throwing = () => {
  throw new Error('at once');
};
const waive = (fixture: FlowFixture, some: Partial<Waiver> = {}) =>
  fixture.flow.catalog.waivers.create({
    id: 'w1',
    channel: 'stable',
    digest: DIGEST,
    gate: 'tests',
    reason: 'a known flake',
    author: 'ada',
    createdAt: fixture.clock.toISOString(),
    expiresAt: new Date(fixture.clock.getTime() + 60_000).toISOString(),
    ...some,
  });

describe('the gates of a channel', () => {
  test('are asked in their order, each after the one before, also after a refusal', async () => {
    await using fixture = await openFlow();
    const asked: string[] = [];
    const told = (name: string) => async () => {
      asked.push(`${name} asked`);
      await new Promise((resolve) => setImmediate(resolve));
      asked.push(`${name} answered`);
      return name === 'first' ? [missing] : [];
    };
    const verdicts = await evaluate(fixture, [gate('first', told('first')), gate('second', told('second'))]);
    expect(asked).toEqual(['first asked', 'first answered', 'second asked', 'second answered']);
    expect(verdicts.map(({ gate: name, state }) => [name, state])).toEqual([
      ['first', 'refused'],
      ['second', 'passed'],
    ]);
  });

  test('are none where none are configured', async () => {
    await using fixture = await openFlow();
    expect(await evaluate(fixture, [])).toEqual([]);
  });

  test.each([
    ['a defect', new TypeError('x is not a function'), undefined, 'INTERNAL'],
    ['content that is absent', new Fault('BLOB_UNKNOWN', 'no such blob'), undefined, 'BLOB_UNKNOWN'],
    ['a source that is down', new Fault('UNAVAILABLE', 'answered 503'), true, 'UNAVAILABLE'],
    ['a source that is busy', new Fault('TOOMANYREQUESTS', 'answered 429'), true, 'TOOMANYREQUESTS'],
  ])('that meet %s have not let anything pass', async (_what, error, pending, problem) => {
    await using fixture = await openFlow();
    const failing = async () => Promise.reject(error);
    const [verdict] = await evaluate(fixture, [gate('tests', failing)]);
    expect(verdict).toMatchObject({
      state: 'refused',
      requirements: [
        {
          name: 'evaluated',
          satisfied: false,
          type: 'not-evaluated',
          detail: `the gate could not be evaluated: ${error.message}`,
          evidence: { problem },
        },
      ],
    });
    expect(verdict?.requirements[0]?.pending).toBe(pending);
  });

  test('that throw before they answer have not either', async () => {
    await using fixture = await openFlow();
    expect((await evaluate(fixture, [gate('tests', throwing)]))[0]?.state).toBe('refused');
  });

  test('that hang are told to stop and left, and the next one is asked', async () => {
    await using fixture = await openFlow();
    let stopped = false;
    const hanging: Gate['evaluate'] = (_subject, { signal }) => {
      signal.addEventListener('abort', () => (stopped = true));
      return new Promise(() => {});
    };
    const verdicts = await evaluate(
      fixture,
      [gate('hangs', hanging, { waitMs: 1000 }), gate('next', async () => [])],
      { gateTimeoutMs: 20 },
    );
    expect(stopped).toBe(true);
    expect(verdicts.map(({ gate: name, state }) => [name, state])).toEqual([
      ['hangs', 'waiting'],
      ['next', 'passed'],
    ]);
    expect(verdicts[0]?.requirements[0]?.detail).toContain('has not answered within 0.02 s');
  });

  test('are left when nobody waits for them any longer', async () => {
    await using fixture = await openFlow();
    const stop = new AbortController();
    const hanging: Gate['evaluate'] = () => {
      stop.abort(new Error('the service ends'));
      return new Promise(() => {});
    };
    await expect(evaluate(fixture, [gate('hangs', hanging)], { signal: stop.signal })).rejects.toThrow(
      'the service ends',
    );
  });

  test('wait for what may still come until their time is over', async () => {
    await using fixture = await openFlow();
    const gates = [gate('tests', async () => [{ ...missing, pending: true }], { waitMs: 60_000 })];
    const since = fixture.clock;
    const stateAfter = async (ms: number) => {
      fixture.clock = new Date(since.getTime() + ms);
      return (await evaluate(fixture, gates, { since }))[0]?.state;
    };
    expect([await stateAfter(0), await stateAfter(59_999), await stateAfter(60_000)]).toEqual([
      'waiting',
      'waiting',
      'refused',
    ]);
  });
});

describe('a waiver', () => {
  const lacking = [gate('tests', async () => [missing, { ...missing, name: 'upgrade' }])];

  test('makes up for all of its gate, or for what it names', async () => {
    await using fixture = await openFlow();
    await waive(fixture, { requirement: 'smoke' });
    expect((await evaluate(fixture, lacking))[0]).toMatchObject({
      state: 'refused',
      requirements: [{ name: 'smoke', satisfied: false, waiver: 'w1' }, { name: 'upgrade' }],
    });
    await waive(fixture, { id: 'w2' });
    expect((await evaluate(fixture, lacking))[0]).toMatchObject({
      state: 'waived',
      requirements: [{ waiver: 'w1' }, { waiver: 'w2' }],
    });
  });

  test('also for a gate that could not be evaluated', async () => {
    await using fixture = await openFlow();
    await waive(fixture);
    const failing = [gate('tests', async () => Promise.reject(new Error('broken')))];
    expect((await evaluate(fixture, failing))[0]?.state).toBe('waived');
  });

  test.each([
    ['another gate', { gate: 'other' }],
    ['another channel', { channel: 'testing' }],
    ['another image', { digest: `sha256:${'1'.repeat(64)}` as const }],
    ['another time', { expiresAt: '2026-11-21T09:00:00.000Z' }],
  ])('for %s makes up for nothing', async (_what, some) => {
    await using fixture = await openFlow();
    await waive(fixture, some);
    expect((await evaluate(fixture, lacking))[0]?.state).toBe('refused');
  });

  test('that was revoked makes up for nothing', async () => {
    await using fixture = await openFlow();
    await waive(fixture);
    await fixture.flow.catalog.waivers.revoke('w1', 'ada', fixture.clock.toISOString());
    expect((await evaluate(fixture, lacking))[0]?.state).toBe('refused');
  });

  test.each(['bot', 'ada'])('of approvals holds unless it is of who asked: by %s', async (author) => {
    await using fixture = await openFlow();
    await waive(fixture, { author });
    const approvals = [{ ...lacking[0], kind: 'approvals' } as Gate];
    expect((await evaluate(fixture, approvals))[0]?.state).toBe(author === 'ada' ? 'waived' : 'refused');
    expect((await evaluate(fixture, lacking))[0]?.state).toBe('waived');
  });

  test.each([
    ['refused', { author: 'eve' }],
    ['refused', { author: 'eve', authorGroups: ['staff'] }],
    ['waived', { author: 'eve', authorGroups: ['staff', 'board'] }],
    ['waived', { author: 'ada' }],
    ['refused', { author: 'bot', authorGroups: ['board'] }],
  ])('of approvals by those who are named is %s by %j', async (state, some) => {
    await using fixture = await openFlow();
    await waive(fixture, { ...some, gate: 'approvals' });
    const gates = openGates([{ approvals: { count: 2, by: ['ada'], groups: ['board'] } }]);
    expect(
      (
        await evaluate(
          fixture,
          gates.map((one) => ({ ...one, waitMs: 0 })),
        )
      )[0]?.state,
    ).toBe(state);
  });
});
