import { Fault } from '@gantry/oci';
import type { Statement } from './documents.ts';
import type { FindingLog } from './findings.ts';
import type { PublicKey } from './keys.ts';
import { readStatement } from './open-tree.ts';
import { POINTER_PATH } from './paths.ts';
import { isSignatureProblem } from './signatures.ts';
import { judgeStatement, type StatedSerial } from './statement.ts';
import type { TreeSource } from './tree-source.ts';

/** What of a tree was seen before. */
export interface SeenSerial {
  readonly serial: number;
  /** Absent: any tree's. */
  readonly tree?: string;
  /** Of the statement's bytes; absent: not known. */
  readonly digest?: string;
}

export interface PointerRules {
  /** Keys of which one must have signed the statement; with none its signatures are not looked at. */
  readonly trustedKeys?: readonly PublicKey[];
  readonly seen?: SeenSerial;
  /** How old the current serial may be, in milliseconds. */
  readonly maxAgeMs?: number;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** The pointer, with what is wrong with it noted; undefined when it can not be read as one. */
export async function readPointer(
  source: TreeSource,
  log: FindingLog,
  trustedKeys: readonly PublicKey[] = [],
): Promise<StatedSerial | undefined> {
  const about = { path: POINTER_PATH };
  try {
    const current = await readStatement(source, undefined, trustedKeys);
    if (current === undefined)
      log.add('missing', `${POINTER_PATH} is absent: ${source.name} holds no published tree`, about);
    return current;
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'TREE_INVALID') throw error;
    const { signature } = error.details;
    if (isSignatureProblem(signature)) {
      log.add(signature, error.message, about);
      return readPointer(source, log); // what else is wrong with it is of interest, too
    }
    log.addFault(error, about);
    return undefined;
  }
}

/** Rollback, fork, another tree, expiry and freeze. */
export function judgePointer(
  { statement, digest }: StatedSerial,
  log: FindingLog,
  rules: PointerRules,
): void {
  const { tree, serial, expires, published } = statement;
  const { seen, nowMs, maxAgeMs } = rules;
  const about = { path: POINTER_PATH };
  if (seen?.tree !== undefined && seen.tree !== tree) {
    log.add('other-tree', `it is of the tree ${tree}, and was of ${seen.tree} before`, about);
  } else if (seen !== undefined && serial < seen.serial) {
    log.add('rollback', `it is at serial ${serial}, and ${seen.serial} was seen before`, about);
  } else if (seen?.digest !== undefined && serial === seen.serial && digest !== seen.digest) {
    log.add('fork', `its serial ${serial} is not the one that was seen before`, about);
  }
  if (Date.parse(expires) <= nowMs) log.add('expired', `serial ${serial} has expired: ${expires}`, about);
  if (maxAgeMs !== undefined && nowMs - Date.parse(published) > maxAgeMs) {
    const message = `serial ${serial} was published at ${published}, which is longer ago than it may be`;
    log.add('frozen', message, about);
  }
}

/** Asks for the pointer again and again: a cache, or one of several servers, may give an older one. */
export class PointerWatch {
  readonly #source: TreeSource;
  readonly #setbacks = new Set<string>();
  #highest: StatedSerial;

  constructor(source: TreeSource, first: StatedSerial) {
    this.#source = source;
    this.#highest = first;
  }

  /** The newest that was seen. */
  get highest(): StatedSerial {
    return this.#highest;
  }

  /** @throws Fault UNAVAILABLE */
  async ask(): Promise<void> {
    const next = await this.#read();
    if (next === undefined) return;
    const [held, offered] = [this.#highest.statement, next.statement];
    const judgement = judgeStatement(this.#highest, next);
    if (judgement === 'newer') this.#highest = next;
    else if (judgement !== 'same') this.#setbacks.add(setback(held, offered));
  }

  /** Notes each way in which the pointer did not stand still. */
  tell(log: FindingLog): void {
    for (const message of this.#setbacks) log.add('mixed', message, { path: POINTER_PATH });
  }

  async #read(): Promise<StatedSerial | undefined> {
    try {
      const next = await readStatement(this.#source);
      if (next === undefined) this.#setbacks.add('the pointer was there, and then absent');
      return next;
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'TREE_INVALID') throw error;
      this.#setbacks.add(`the pointer could be read, and then not: ${error.message}`);
      return undefined;
    }
  }
}

function setback(held: Statement, { tree, serial }: Statement): string {
  const came = `the pointer came as serial ${held.serial}, and then as`;
  if (tree !== held.tree) return `${came} one of the tree ${tree}`;
  if (serial === held.serial) return `${came} another serial ${serial}`;
  return `${came} serial ${serial}: a cache gives old ones, or servers that are not at one serial take turns`;
}
