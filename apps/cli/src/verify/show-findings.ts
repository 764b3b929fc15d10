import { type Finding, FINDING_KINDS, type FindingKind, POINTER_PATH, type VerifyResult } from '@gantry/tree';
import type { Output } from '../cli.ts';
import { formatBytes, plural, printable } from '../output/text.ts';

const COPY_AGAIN =
  'copy it again: gantry-mirror --full at a mirror; at the master promote what needs it anew';
const SERVER_RULES = 'use the rules for web servers in scripts/mirror, see docs/mirrors.md';
const ASK = 'trust nothing from here before the admin of the master has said why';

/** What each kind means, and what is to be done. */
const ADVICE: Readonly<Record<FindingKind, readonly [means: string, todo: string]>> = {
  missing: ['should be here, and are not', COPY_AGAIN],
  'wrong-size': ['have not their length', `remove them, and ${COPY_AGAIN}`],
  corrupt: ['have other bytes than their name says', `remove them, look at the disk, and ${COPY_AGAIN}`],
  unreadable: ['can not be read', 'look at permissions, the disk, and what the server logs'],
  invalid: [
    'contradict the format, or each other',
    'at a mirror somebody has changed it: copy it again; at the master report it: the publisher must not write that',
  ],
  'broken-chain': ['are not the statements that later ones name', COPY_AGAIN],
  fork: ['one serial, two versions', `two publishers have written, or a backup was put back: ${ASK}`],
  rollback: ['it has gone back', `a copy of an old tree, or an attack: ${ASK}`],
  mixed: ['parts of several serials', 'copy once more, the pointer last; look for a cache before it'],
  expired: ['past its time', 'look whether mirrors copy, and the publisher works'],
  frozen: ['older than it may be', 'look whether mirrors copy, and the publisher works'],
  unsigned: ['not signed', ASK],
  'unknown-key': ['signed by others', `see whether the keys were changed; ${ASK}`],
  'wrong-signature': ['the signature is of other bytes', ASK],
  stale: ['behind', 'run the copy'],
  ahead: ['in front of what it was compared with', 'compare with the master'],
  'other-tree': ['another tree', 'see whether the address is right'],
  different: ['differ from what it was compared with', 'run the copy, or compare with the master'],
  extra: ['belong to no pool', 'nothing breaks; the publisher and gantry-mirror remove what is left over'],
  'wrong-type': ['are served with another Content-Type', SERVER_RULES],
  'wrong-header': ['are served otherwise than they should be', SERVER_RULES],
};

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
  const [means, todo] = ADVICE[kind];
  stdout.write(`${severity.padEnd(7)} ${kind} (${count}): ${means}\n`);
  for (const { message } of all.slice(0, SHOWN)) stdout.write(`  ${printable(message)}\n`);
  if (count > SHOWN) stdout.write(`  and ${count - SHOWN} more\n`);
  const isNoTree = kind === 'missing' && all.some(({ path }) => path === POINTER_PATH);
  stdout.write(`  -> ${isNoTree ? 'see whether the place is right, and something was published' : todo}\n`);
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
