import { type Finding, type FindingKind, parsePath, POINTER_PATH } from '@gantry/tree';

/** What each kind of finding means. */
export const MEANS: Readonly<Record<FindingKind, string>> = {
  missing: 'should be here, and are not',
  'not-kept': 'not here, or no more',
  'wrong-size': 'have not their length',
  corrupt: 'have other bytes than their name says',
  unreadable: 'can not be read',
  invalid: 'contradict the format, or each other',
  'broken-chain': 'are not the statements that later ones name',
  fork: 'one serial, two versions',
  rollback: 'it has gone back',
  mixed: 'parts of several serials',
  expired: 'past its time',
  frozen: 'older than it may be',
  unsigned: 'not signed',
  'unknown-key': 'signed by others',
  'wrong-signature': 'the signature is of other bytes',
  stale: 'behind',
  ahead: 'in front of what it was compared with',
  'other-tree': 'another tree',
  different: 'differ from what it was compared with',
  extra: 'belong to no pool',
  'wrong-type': 'are served with another Content-Type',
  'wrong-header': 'are served otherwise than they should be',
};

const COPY_AGAIN = 'at a mirror copy again: gantry-mirror --full';
const REMOVE = 'at a mirror remove them, and copy again: gantry-mirror --full';
const MEND =
  'at the master "gantry publish" makes documents and manifests anew, and "gantry gc --scrub" blobs';
const BRING_BACK = 'from a mirror or a backup';
const SERVER_RULES = 'use the rules for web servers in scripts/mirror, see docs/mirrors.md';
const ASK = 'trust nothing from here before the admin of the master has said why';

const TO_DO: Readonly<Record<Exclude<FindingKind, 'missing' | 'extra'>, string>> = {
  'not-kept': 'name a serial that is kept: tree.keepSnapshots and tree.keepSnapshotsFor say for how long',
  'wrong-size': `${REMOVE}; ${MEND}`,
  corrupt: `look at the disk; ${REMOVE}; ${MEND}`,
  unreadable: 'look at permissions, the disk, and what the server logs',
  invalid:
    'at a mirror somebody has changed it: copy it again; at the master report it: the publisher must not write that',
  'broken-chain': `${COPY_AGAIN}; at the master bring them back ${BRING_BACK}`,
  fork: `two publishers have written, or a backup was put back: ${ASK}`,
  rollback: `a copy of an old tree, or an attack: ${ASK}`,
  mixed: 'copy once more, the pointer last; look for a cache before it',
  expired: 'look whether mirrors copy, and the publisher works',
  frozen: 'look whether mirrors copy, and the publisher works',
  unsigned: ASK,
  'unknown-key': `see whether the keys were changed; ${ASK}`,
  'wrong-signature': ASK,
  stale: 'run the copy',
  ahead: 'compare with the master',
  'other-tree': 'see whether the address is right',
  different: 'run the copy, or compare with the master',
  'wrong-type': SERVER_RULES,
  'wrong-header': SERVER_RULES,
};

/** What is to be done about findings of one kind. */
export function toDo(kind: FindingKind, findings: readonly Finding[]): string {
  const paths = findings.flatMap(({ path }) => path ?? []);
  if (kind === 'missing') return aboutMissing(paths);
  return kind === 'extra' ? aboutExtra(paths) : TO_DO[kind];
}

function aboutMissing(paths: readonly string[]): string {
  if (paths.includes(POINTER_PATH)) return 'see whether the place is right, and something was published';
  const remedies = [
    ...(paths.some(isOfPool) ? ['at the master "gantry publish" puts back what the pool lacks'] : []),
    ...(paths.every(isOfPool) ? [] : [`at the master bring lists and statements back ${BRING_BACK}`]),
  ];
  return [COPY_AGAIN, ...remedies].join('; ');
}

function isOfPool(path: string): boolean {
  return path.startsWith('pool/');
}

/** By what they are, as most, but not all of them go by themselves. */
function aboutExtra(paths: readonly string[]): string {
  const parsed = paths.map(parsePath);
  const remedies = [
    ...(parsed.some((one) => one !== undefined && 'digest' in one)
      ? [
          'files left over in the pool go by themselves: with a collection (gantry gc) a day after they came, at a mirror with gantry-mirror --full after its --keep',
        ]
      : []),
    ...(parsed.some((one) => one !== undefined && 'serial' in one)
      ? [
          'what is above the pointer is finished by the next publication or copy; if it was there before, the pointer was put back: see by whom',
        ]
      : []),
    "what has no name of the tree's, or is a link, stays until you take it away",
  ];
  return `nothing breaks; ${remedies.join('; ')}`;
}
