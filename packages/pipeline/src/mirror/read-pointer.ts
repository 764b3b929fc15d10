import { digestOf, Fault } from '@gantry/oci';
import {
  decodeStatement,
  findSignatureProblem,
  MAX_STATEMENT_BYTES,
  type MirrorClient,
  POINTER_PATH,
  type PublicKey,
  readStatement,
  type StatedSerial,
  type TreeSource,
} from '@gantry/tree';
import type { FollowedMirror } from './followed-mirror.ts';
import { judgePointer } from './judge-pointer.ts';

/** A pointer as a mirror served it. */
export interface ServedPointer {
  readonly stated: StatedSerial;
  readonly bytes: Uint8Array;
  readonly latencyMs: number;
}

/** Reads the pointer of a mirror. @throws Fault MIRROR_INVALID for what is no statement; what the client throws */
export async function readPointer(client: MirrorClient, mirror: FollowedMirror): Promise<ServedPointer> {
  const begin = performance.now();
  const { status, contentEncoding, bytes } = await client.read(POINTER_PATH, MAX_STATEMENT_BYTES, {
    plainly: true,
  });
  const latencyMs = Math.round(performance.now() - begin);
  if (status !== 200) throw invalid(mirror, `${POINTER_PATH} is answered with ${status}`);
  if (contentEncoding !== '')
    throw invalid(mirror, `${POINTER_PATH} came with Content-Encoding ${contentEncoding}`);
  return { stated: statementIn(mirror, bytes), bytes, latencyMs };
}

/** What a pointer is held against. */
export interface PointerQuestion {
  /** The tree itself. */
  readonly source: TreeSource;
  readonly trustedKeys: readonly PublicKey[];
  /** The highest serial that was confirmed of the mirror. */
  readonly confirmed?: number;
  readonly now: Date;
}

/**
 * What is wrong with a mirror's pointer, as a sentence's end; undefined: nothing.
 * @throws Fault UNAVAILABLE, TREE_INVALID when the tree itself can't be read
 */
export async function findPointerProblem(
  { stated, bytes }: ServedPointer,
  { source, trustedKeys, confirmed, now }: PointerQuestion,
): Promise<string | undefined> {
  const { serial } = stated.statement;
  // The tree's own is read after the mirror's: so one that is above it is so not just for a moment.
  const current = await readStatement(source);
  if (current === undefined)
    throw new Fault('UNAVAILABLE', `${source.name} has no pointer to compare mirrors with`);
  const unsigned = trustedKeys.length === 0 ? undefined : findSignatureProblem(bytes, trustedKeys);
  if (unsigned !== undefined) return `its serial ${serial} is refused: ${unsigned.why}`;
  const same = serial === current.statement.serial ? current : await readStatement(source, serial);
  return judgePointer(stated, { current, same, ...(confirmed === undefined ? {} : { confirmed }) }, now);
}

function statementIn(mirror: FollowedMirror, bytes: Uint8Array): StatedSerial {
  try {
    return { statement: decodeStatement(bytes, POINTER_PATH), digest: digestOf(bytes) };
  } catch (error) {
    throw invalid(mirror, error instanceof Error ? error.message : String(error));
  }
}

/** A mirror that serves something else than the tree. @param why a sentence's end */
export function invalid({ name, url }: FollowedMirror, why: string): Fault {
  return new Fault('MIRROR_INVALID', `the mirror ${name} (${url}): ${why}`, { mirror: name });
}
