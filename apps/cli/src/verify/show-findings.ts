import { type Finding, FINDING_KINDS, type FindingKind, type VerifyResult } from '@gantry/tree';
import type { Output } from '../cli.ts';
import { formatBytes, plural, printable } from '../output/text.ts';
import { MEANS, toDo } from './advice.ts';

/** So many of a kind are shown; JSON has more. */
const SHOWN = 10;

/** What was found, by kind, the worst first; what to do; and the verdict in the last line. */
export function showFindings(stdout: Output, name: string, result: VerifyResult): void {
  for (const severity of ['error', 'warning'] as const) {
    for (const kind of FINDING_KINDS) showKind(stdout, result, kind, severity);
  }
  stdout.write(`${printable(name)}${verdict(result)}\n`);
}

function showKind(
  stdout: Output,
  { findings, counts }: VerifyResult,
  kind: FindingKind,
  severity: Finding['severity'],
): void {
  const all = findings.filter((finding) => finding.kind === kind && finding.severity === severity);
  if (all.length === 0) return;
  // Of those that were not kept the severity is not known; a kind seldom has both.
  const count =
    all.length + Math.max(0, (counts[kind] ?? 0) - findings.filter((one) => one.kind === kind).length);
  stdout.write(`${severity.padEnd(7)} ${kind} (${count}): ${MEANS[kind]}\n`);
  for (const { message } of all.slice(0, SHOWN)) stdout.write(`  ${printable(message)}\n`);
  if (count > SHOWN) stdout.write(`  and ${count - SHOWN} more\n`);
  stdout.write(`  -> ${toDo(kind, all)}\n`);
}

function verdict({ statement, level, against, objects, bytes, errors, warnings }: VerifyResult): string {
  const state = statement === undefined ? '' : ` at serial ${statement.serial}, root ${statement.root}`;
  const is =
    errors === 0 ? ' is what its root says' : ` is not what its root says: ${plural(errors, 'error')}`;
  const equal = against?.isEqual === true ? `, with the root of ${printable(against.name)}` : '';
  const noted = warnings === 0 ? '' : `, ${plural(warnings, 'warning')}`;
  const only = level === 'roots' ? ' of root and shards' : '';
  return `${state}${is}${equal}${noted} (${plural(objects, 'object')}${only} looked at, ${formatBytes(bytes)} read)`;
}

/** The result as JSON: a shape that scripts may rely on. */
export function resultAsJson(name: string, result: VerifyResult, seconds: number): unknown {
  const { statement, level, against, objects, bytes, errors, warnings, counts, findings } = result;
  return {
    place: name,
    tree: statement?.tree ?? null,
    serial: statement?.serial ?? null,
    root: statement?.root ?? null,
    published: statement?.published ?? null,
    expires: statement?.expires ?? null,
    level,
    against:
      against === undefined
        ? null
        : {
            place: against.name,
            serial: against.serial ?? null,
            root: against.root ?? null,
            equal: against.isEqual,
          },
    objects,
    bytes,
    seconds: Math.round(seconds * 1000) / 1000,
    errors,
    warnings,
    counts,
    findings,
  };
}
