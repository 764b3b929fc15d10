import type { Approval } from '@gantry/catalog';
import { judgeApprovals } from './approvals.ts';

const approval = (by: string, ...groups: string[]): Approval => ({
  by,
  groups,
  at: '2026-11-21T09:00:00.000Z',
});
const judge = (
  rule: Parameters<typeof judgeApprovals>[0],
  approvals: readonly Approval[],
  requestedBy?: string,
) => judgeApprovals(rule, approvals, requestedBy, 'stable');

describe('approvals', () => {
  test('are counted by person, and say who is missing', () => {
    expect(judge({ count: 2 }, [approval('ada'), approval('ada')], 'bot')).toEqual({
      name: 'approvals',
      satisfied: false,
      type: 'approval-missing',
      detail: '1 of 2 approvals (ada); whoever has approve:stable may approve, other than who asked',
      pending: true,
      evidence: { required: 2, approved: 1, by: 'ada' },
    });
    expect(judge({ count: 2 }, [approval('bob'), approval('ada')], 'bot')).toEqual({
      name: 'approvals',
      satisfied: true,
      type: 'approved',
      detail: 'approved by ada, bob',
      evidence: { required: 2, approved: 2, by: 'ada bob' },
    });
  });

  test.each(['ada', 'message ada'])('do not count for whoever asked: %s', (requestedBy) => {
    expect(judge({ count: 1 }, [approval('ada')], requestedBy).satisfied).toBe(false);
    expect(judge({ count: 1 }, [approval('bob')], requestedBy).satisfied).toBe(true);
  });

  test('count for those named or in a group, then', () => {
    const rule = { count: 1, by: ['ada'], groups: ['release'] };
    expect(judge(rule, [approval('ada')]).satisfied).toBe(true);
    expect(judge(rule, [approval('bob', 'staff', 'release')]).satisfied).toBe(true);
    expect(judge(rule, [approval('eve', 'staff')])).toMatchObject({
      satisfied: false,
      detail: '0 of 1 approvals (nobody); ada or the group release may approve, other than who asked',
    });
  });
});
