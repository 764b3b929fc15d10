import type { Approval, Requirement } from '@gantry/catalog';
import { printable } from '@gantry/oci';
import type { ApprovalsRule } from './configuration.ts';
import type { Gate, WaiverRule } from './gate.ts';

/** Asks for so many people's yes. */
export function openApprovalsGate(rule: ApprovalsRule): Gate['evaluate'] {
  return ({ approvals, requestedBy, channel }) =>
    Promise.resolve([judgeApprovals(rule, approvals, requestedBy, channel)]);
}

/**
 * Whose waiver counts in place of approvals: that of somebody whose own approval would. Anybody else would let pass alone
 * what others were named for.
 * @returns undefined when nobody is named: then whoever may approve for the channel counts
 */
export function approvalWaivers(rule: ApprovalsRule): WaiverRule | undefined {
  const named = namedIn(rule);
  if (named === undefined) return undefined;
  return { shown: named, counts: (person) => mayApprove(rule, person) };
}

/**
 * Counts distinct people who may say yes, by their names. Whoever asked for the promotion does not count, whichever way
 * they asked.
 */
export function judgeApprovals(
  rule: ApprovalsRule,
  approvals: readonly Approval[],
  requestedBy: string | undefined,
  channel: string,
): Requirement {
  const counting = approvals.filter(
    (approval) => !isRequester(approval.by, requestedBy) && mayApprove(rule, approval),
  );
  const people = [...new Set(counting.map(({ by }) => by))].toSorted();
  const satisfied = people.length >= rule.count;
  const approved = people.length === 0 ? 'nobody' : printable(people.join(', '));
  return {
    name: 'approvals',
    satisfied,
    type: satisfied ? 'approved' : 'approval-missing',
    detail: satisfied
      ? `approved by ${approved}`
      : `${people.length} of ${rule.count} approvals (${approved}); ${whoMay(rule, channel)} may approve, other than who asked`,
    ...(satisfied ? {} : { pending: true }),
    evidence: { required: rule.count, approved: people.length, by: people.join(' ') },
  };
}

/** Whether somebody is who asked for the promotion, by the API or as a message. */
export function isRequester(name: string, requestedBy: string | undefined): boolean {
  return requestedBy === name || requestedBy === `message ${name}`;
}

/** Whether somebody's yes counts for a gate, by their name or a group they were in. */
function mayApprove(rule: ApprovalsRule, { by, groups }: Pick<Approval, 'by' | 'groups'>): boolean {
  if (rule.by === undefined && rule.groups === undefined) return true;
  return rule.by?.includes(by) === true || groups.some((group) => rule.groups?.includes(group) === true);
}

function whoMay(rule: ApprovalsRule, channel: string): string {
  return namedIn(rule) ?? `whoever has approve:${channel}`;
}

/** @returns undefined when the rule names nobody */
function namedIn({ by, groups }: ApprovalsRule): string | undefined {
  if (by === undefined && groups === undefined) return undefined;
  return [...(by ?? []), ...(groups ?? []).map((group) => `the group ${group}`)].join(' or ');
}
