import type { ChannelTag } from '@gantry/catalog';
import { makeImage, makeLayer } from '@gantry/registry';
import { openFlow } from '../flow.fixture.ts';
import { judgeAge, openAgeGate } from './age.ts';
import { currentSubject } from './current-subject.fixture.ts';

const DAY_MS = 86_400_000;
const digest = `sha256:${'0'.repeat(64)}` as const;
const tag = (name: string, promotedAt: string): ChannelTag => ({
  channel: 'testing',
  repository: 'app',
  tag: name,
  digest,
  promotion: 'p',
  promotedAt,
  companions: [],
  referrers: [],
});
const image = (text: string) =>
  makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [makeLayer([{ path: 'a', content: text }])],
  });

const judge = (now: string, ...tags: readonly ChannelTag[]) =>
  judgeAge(7 * DAY_MS, tags, 'testing', new Date(now));

describe('the age in a channel', () => {
  const since = '2026-11-14T09:00:00.000Z';

  test('is reached to the moment, and says since when', () => {
    expect(judge('2026-11-21T09:00:00.000Z', tag('1.0', since))).toEqual({
      name: 'age',
      satisfied: true,
      type: 'age-reached',
      detail: 'in the channel testing since 2026-11-14T09:00:00.000Z',
      evidence: { channel: 'testing', tag: '1.0', since, notBefore: '2026-11-21T09:00:00.000Z' },
    });
    expect(judge('2026-11-21T08:59:59.999Z', tag('1.0', since))).toMatchObject({
      satisfied: false,
      type: 'age-too-young',
      detail:
        'in the channel testing since 2026-11-14T09:00:00.000Z, and 7 days are asked for: not before 2026-11-21T09:00:00.000Z',
      pending: true,
    });
  });

  test('is that of the tag that has had it for the longest', () => {
    const judged = judge(
      '2026-11-21T09:00:00.000Z',
      tag('latest', '2026-11-20T09:00:00.000Z'),
      tag('1.0', since),
    );
    expect([judged.satisfied, judged.evidence?.['tag']]).toEqual([true, '1.0']);
  });

  test('is none for what is not there, which may not be waited for', () => {
    const judged = judge('2026-11-21T09:00:00.000Z');
    expect(judged).toMatchObject({
      satisfied: false,
      detail: 'it is not in the channel testing: promote it there, and leave it for 7 days',
    });
    expect(judged.pending).toBeUndefined();
  });

  test('counts from when the image came in, and from anew when its tag came back to it', async () => {
    await using fixture = await openFlow();
    const bring = async (text: string) => {
      fixture.upstream.push('app', image(text), '1.0');
      await fixture.sync();
      await fixture.promote({ items: [{ repository: 'app', reference: '1.0' }], to: 'stable' });
      await fixture.publisher.publishPending();
    };
    const ask = async () => {
      const subject = { ...(await currentSubject(fixture.flow, 'app', '1.0')), from: 'stable' };
      const gate = openAgeGate({ atLeastMs: DAY_MS });
      return (await gate(subject, { flow: fixture.flow, signal: new AbortController().signal }))[0]?.type;
    };
    const pass = (ms: number) => (fixture.clock = new Date(fixture.clock.getTime() + ms));
    await bring('1');
    expect(await ask()).toBe('age-too-young');
    pass(DAY_MS);
    expect(await ask()).toBe('age-reached');
    await bring('1'); // what is there already
    expect(await ask()).toBe('age-reached');
    await bring('2');
    expect(await ask()).toBe('age-too-young');
    pass(DAY_MS);
    await bring('1');
    expect(await ask()).toBe('age-too-young');
  });

  test('that was reached stays so for a promotion that waits, when the tag moves on', async () => {
    await using fixture = await openFlow();
    fixture.upstream.push('app', image('1'), '1.0');
    await fixture.sync();
    const subject = { ...(await currentSubject(fixture.flow, 'app', '1.0')), from: 'stable' };
    const ask = async (satisfied: boolean, ms: number, atLeastMs = DAY_MS) => {
      const cameIn = new Date(fixture.clock.getTime() - ms).toISOString();
      const requirement = judgeAge(DAY_MS, [tag('1.0', cameIn)], 'stable', fixture.clock);
      const verdict = { gate: 'age', kind: 'age', repository: 'app', digest: subject.digest } as const;
      const former = { ...verdict, state: 'passed', at: fixture.clock.toISOString() } as const;
      const asked = { ...subject, verdicts: [{ ...former, requirements: [{ ...requirement, satisfied }] }] };
      const gate = openAgeGate({ atLeastMs });
      const context = { flow: fixture.flow, signal: new AbortController().signal };
      return (await gate(asked, context))[0]?.satisfied;
    };
    expect(await ask(true, DAY_MS)).toBe(true);
    expect(await ask(false, DAY_MS - 1)).toBe(false);
    expect(await ask(true, DAY_MS, 2 * DAY_MS)).toBe(false); // more is asked for since
  });

  test('is asked of the channel that is named', async () => {
    await using fixture = await openFlow();
    fixture.upstream.push('app', image('1'), '1.0');
    await fixture.sync();
    const gate = openAgeGate({ atLeastMs: DAY_MS, channel: 'testing' });
    const subject = await currentSubject(fixture.flow, 'app', '1.0');
    const context = { flow: fixture.flow, signal: new AbortController().signal };
    expect((await gate(subject, context))[0]?.detail).toContain('not in the channel testing');
    expect((await openAgeGate({ atLeastMs: 1 })(subject, context))[0]).toMatchObject({ satisfied: false });
  });
});
