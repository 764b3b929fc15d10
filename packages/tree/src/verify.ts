import { Fault } from '@gantry/oci';
import type { Statement } from './documents.ts';
import { type Finding, type FindingLog, findingLog } from './findings.ts';
import type { PublicKey } from './keys.ts';
import { readStatement } from './open-tree.ts';
import { POINTER_PATH } from './paths.ts';
import { isSignatureProblem } from './signatures.ts';
import type { StatedSerial } from './statement.ts';
import type { TreeSource } from './tree-source.ts';
import type { Verification } from './verification.ts';
import { verifyAgainst } from './verify-against.ts';
import { verifyDocuments } from './verify-documents.ts';
import { verifyFiles } from './verify-files.ts';
import { verifyHistory } from './verify-history.ts';

export interface VerifyOptions {
  /** Reads and hashes every file of the pool too; without it documents are hashed, and of all else the size is compared. */
  readonly deep?: boolean;
  /** Another site: this tree must be at its serial, with its root. */
  readonly against?: TreeSource;
  /** A serial that was seen before. */
  readonly floorSerial?: number;
  /**
   * Keys of which one must have signed the statement of the current serial; with none its signatures are not looked at.
   * Those before it need none: the chain of digests proves them.
   */
  readonly trustedKeys?: readonly PublicKey[];
  /** Files looked at at a time; 8 if absent. */
  readonly parallel?: number;
  /** Findings that are kept; 1,000 if absent. All are counted. */
  readonly maxFindings?: number;
  /** Milliseconds since 1970, for `expired`; now if absent. */
  readonly nowMs?: number;
  /** Called after each file. */
  readonly onProgress?: (progress: VerifyProgress) => void;
  readonly signal?: AbortSignal;
}

export interface VerifyProgress {
  /** Files looked at so far, and the bytes that were read of them. */
  readonly objects: number;
  readonly bytes: number;
  /** Files that are to be looked at, as far as it is known. */
  readonly expected: number;
}

export interface VerifyResult {
  /** What the pointer says; absent when it could not be read. */
  readonly statement?: Statement;
  /** Files of the pool that were looked at. */
  readonly objects: number;
  /** Bytes of those that were read and hashed. */
  readonly bytes: number;
  /** With none, the tree is what its root says. */
  readonly errors: number;
  readonly warnings: number;
  /** In the order of their discovery, `maxFindings` at the most. */
  readonly findings: readonly Finding[];
}

/**
 * Proves that a tree is what its pointer says: statements, lists and documents by their digests, every manifest and blob
 * that is in the pool or named by a document by its presence and size, or with `deep` by its digest.
 * @throws Fault UNAVAILABLE when the place does not answer; `signal`'s reason. What is wrong with the tree is not thrown
 * but found.
 */
export async function verifyTree(source: TreeSource, options: VerifyOptions = {}): Promise<VerifyResult> {
  const { deep = false, parallel = 8, maxFindings = 1000, signal } = options;
  const log = findingLog(maxFindings);
  const expected: Verification['expected'] = new Map();
  let [objects, bytes] = [0, 0];
  const count = (moreObjects: number, moreBytes: number) => {
    signal?.throwIfAborted();
    objects += moreObjects;
    bytes += moreBytes;
    options.onProgress?.({ objects, bytes, expected: expected.size });
  };
  const current = await readPointer(source, log, options.trustedKeys);
  if (current !== undefined) {
    judgePointer(current.statement, log, options);
    await verifyContent({ source, log, deep, parallel, signal, expected, count }, current, options.against);
  }
  // A request that was cut off must not pass for a finding.
  signal?.throwIfAborted();
  const { errors, warnings, findings } = log;
  return {
    ...(current === undefined ? {} : { statement: current.statement }),
    objects,
    bytes,
    errors,
    warnings,
    findings,
  };
}

async function verifyContent(
  verification: Verification,
  current: StatedSerial,
  against: TreeSource | undefined,
): Promise<void> {
  const pool = await verifyHistory(verification, current);
  for (const [path, { size }] of pool?.entries ?? []) {
    verification.expected.set(path, { size, done: false, seen: false });
  }
  await verifyDocuments(verification, current.statement, pool);
  await verifyFiles(verification, current.statement, pool !== undefined);
  if (against !== undefined) await verifyAgainst(verification, current, against);
}

async function readPointer(
  source: TreeSource,
  log: FindingLog,
  trustedKeys: readonly PublicKey[] = [],
): Promise<StatedSerial | undefined> {
  try {
    const current = await readStatement(source, undefined, trustedKeys);
    if (current === undefined) {
      log.add('missing', `${POINTER_PATH} is absent: ${source.name} holds no published tree`, {
        path: POINTER_PATH,
      });
    }
    return current;
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'TREE_INVALID') throw error;
    const { signature } = error.details;
    if (isSignatureProblem(signature)) {
      log.add(signature, error.message, { path: POINTER_PATH });
      return readPointer(source, log); // what else is wrong with it is of interest, too
    }
    log.addFault(error, { path: POINTER_PATH });
    return undefined;
  }
}

function judgePointer({ serial, expires }: Statement, log: FindingLog, options: VerifyOptions): void {
  const { floorSerial = 0, nowMs = Date.now() } = options;
  const about = { path: POINTER_PATH };
  if (serial < floorSerial)
    log.add('rollback', `it is at serial ${serial}, and ${floorSerial} was seen before`, about);
  if (Date.parse(expires) <= nowMs) log.add('expired', `serial ${serial} has expired: ${expires}`, about);
}
