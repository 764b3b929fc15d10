import type { Requirement } from '@gantry/catalog';
import type { VulnerabilitiesRule } from './configuration.ts';
import type { Gate } from './gate.ts';
import { type AttachedReport, findAttachedReports } from './vulnerabilities/attached-reports.ts';
import { type JudgedReport, judgeReports } from './vulnerabilities/judge-reports.ts';

/**
 * Asks for a scanner's report of the image, and that there are no more vulnerabilities in it than may be. What was posted
 * counts by the system that sent it, its newest report alone; what came with the image counts unless systems are named.
 */
export function openVulnerabilitiesGate(rule: VulnerabilitiesRule, gate: string): Gate['evaluate'] {
  return async (subject, { flow }) => {
    const now = flow.now();
    const { channel, digest } = subject;
    const [posted, attached, waivers] = await Promise.all([
      flow.catalog.reports.latest(digest),
      rule.sources === undefined ? findAttachedReports(flow, subject) : [],
      flow.catalog.waivers.inForce(channel, digest, now.toISOString()),
    ]);
    const reports = [
      ...posted.map(({ submittedAt: at, ...report }): JudgedReport => ({ ...report, at })),
      ...attached.flatMap(toJudged),
    ];
    const waived = new Set(
      waivers.filter((one) => one.gate === gate).flatMap(({ requirement }) => requirement ?? []),
    );
    return [...judgeReports(rule, reports, { now, waived }), ...attached.flatMap(unreadable)];
  };
}

function toJudged(attached: AttachedReport): JudgedReport | [] {
  if ('why' in attached) return [];
  const { report, manifest: id } = attached;
  const { format, scanner, findings, counts, scannedAt: at } = report;
  return { id, format, scanner, findings, counts, ...(at === undefined ? {} : { at }) };
}

/** What looks like a report and is none might have told of anything. */
function unreadable(attached: AttachedReport): Requirement | [] {
  if ('report' in attached) return [];
  const { manifest, why } = attached;
  return {
    name: manifest,
    satisfied: false,
    type: 'report-invalid',
    detail: `what came with the image as a report, ${manifest}, can not be used: ${why}`,
    evidence: { manifest },
  };
}
