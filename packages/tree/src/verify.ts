import { availableParallelism } from 'node:os';
import type { Statement } from './documents.ts';
import { type Finding, type FindingCounts, type FindingLog, findingLog } from './findings.ts';
import type { PublicKey } from './keys.ts';
import { plainFiles } from './plain-files.ts';
import { serialPath } from './paths.ts';
import type { StatedSerial } from './statement.ts';
import type { TreeSource } from './tree-source.ts';
import type { PoolFile, Verification, VerifiedSerial, VerifyLevel } from './verification.ts';
import { compareRoots, nameDifferences, type Reference } from './verify-against.ts';
import { type Crew, loneWorker, startCrew } from './verify-crew.ts';
import { verifyDocuments } from './verify-documents.ts';
import { verifyFiles } from './verify-files.ts';
import { verifyCopy, verifyHistory } from './verify-history.ts';
import { findNewer } from './verify-newer.ts';
import { judgePointer, PointerWatch, readPointer, type SeenSerial } from './verify-pointer.ts';
import { servedCheck, type ServedCheck } from './verify-served.ts';
import { settle } from './verify-settle.ts';
import { newTally, type Tally, type VerifyProgress } from './verify-tally.ts';

export interface VerifyOptions {
  /** Only the pointer, the root and its shards: what tells whether two trees are equal. */
  readonly roots?: boolean;
  /** Reads and hashes every file of the pool too; without it documents are hashed, and of all else the size is compared. */
  readonly deep?: boolean;
  /** Another site: this tree must be at its serial, with its root. */
  readonly against?: TreeSource;
  /** That serial, as long as it is kept, in place of the current one. */
  readonly serial?: number;
  /** What was seen before: it must not be below that. */
  readonly seen?: SeenSerial;
  /** How old the current serial may be, in milliseconds. */
  readonly maxAgeMs?: number;
  /**
   * Keys of which one must have signed the statement of the current serial, here and at the other site; with none
   * signatures are not looked at. Serials before it need none: the chain of digests proves them.
   */
  readonly trustedKeys?: readonly PublicKey[];
  /** Files looked at at a time, where it is no directory; 16 if absent. */
  readonly parallel?: number;
  /** Threads that read a directory's files; absent: as many as there are cores, and none for a small tree. */
  readonly threads?: number;
  /** Findings of each kind that are kept; 1,000 if absent. All are counted. */
  readonly maxFindings?: number;
  /** Milliseconds since 1970, for `expired` and `frozen`; now if absent. */
  readonly nowMs?: number;
  /** Called after each file. */
  readonly onProgress?: (progress: VerifyProgress) => void;
  readonly signal?: AbortSignal;
}

export interface VerifyResult {
  readonly level: VerifyLevel;
  /** What was verified; absent when it could not be read. */
  readonly statement?: Statement;
  /** The other site's serial and root, and whether the root is the same. */
  readonly against?: {
    readonly name: string;
    readonly serial?: number;
    readonly root?: string;
    readonly isEqual: boolean;
  };
  /** Of the pointer's bytes, for a later look. */
  readonly pointer?: StatedSerial;
  /** Files of the pool that were looked at. */
  readonly objects: number;
  /** Bytes of those that were read and hashed. */
  readonly bytes: number;
  /** With none, the tree is what its root says. */
  readonly errors: number;
  readonly warnings: number;
  /** How many findings there are of each kind. */
  readonly counts: FindingCounts;
  /** In the order of their discovery, `maxFindings` of each kind at the most. */
  readonly findings: readonly Finding[];
}

/** A tree that moves on under each of them can not be verified. */
const ATTEMPTS = 5;

/**
 * Proves that a tree is what its pointer says. At the level `roots`: the pointer, the root and its shards. Else also all
 * statements, lists and documents by their digests, and every manifest and blob that is in the pool or named by a document
 * by its presence and size; with `deep` by its digest, and of a server's files how they are served.
 *
 * A tree may be published to meanwhile.
 * @throws Fault UNAVAILABLE when the place does not answer, or the other one; `signal`'s reason. What is wrong with the
 * tree is not thrown but found.
 */
export async function verifyTree(source: TreeSource, options: VerifyOptions = {}): Promise<VerifyResult> {
  for (let attempt = 1; ; attempt++) {
    const result = await verifyOnce(source, options, attempt === ATTEMPTS);
    if (result !== 'again') return result;
  }
}

async function verifyOnce(
  source: TreeSource,
  options: VerifyOptions,
  isLast: boolean,
): Promise<VerifyResult | 'again'> {
  const { maxFindings = 1000, trustedKeys = [], nowMs = Date.now(), signal } = options;
  const level: VerifyLevel = options.deep === true ? 'deep' : options.roots === true ? 'roots' : 'whole';
  const log = findingLog(maxFindings);
  const tally = newTally(options);
  let found: Found | undefined;

  const pointer = await readPointer(source, log, trustedKeys);
  if (pointer !== undefined) {
    judgePointer(pointer, log, { ...options, nowMs });
    found = await verifyFrom(source, options, { level, log, tally, pointer, isLast });
    if (found.outcome === 'again') return 'again';
  }
  // A request that was cut off must not pass for a finding.
  signal?.throwIfAborted();
  const { errors, warnings, counts, findings } = log;
  const { statement, reference } = found ?? {};
  return {
    level,
    ...(statement === undefined ? {} : { statement }),
    ...(reference === undefined ? {} : { against: describe(reference) }),
    ...(pointer === undefined ? {} : { pointer }),
    objects: tally.objects,
    bytes: tally.bytes,
    errors,
    warnings,
    counts,
    findings,
  };
}

function describe({ name, stated, isEqual }: Reference): NonNullable<VerifyResult['against']> {
  if (stated === undefined) return { name, isEqual };
  const { serial, root } = stated.statement;
  return { name, serial, root, isEqual };
}

interface Attempt {
  readonly level: VerifyLevel;
  readonly log: FindingLog;
  readonly tally: Tally;
  readonly pointer: StatedSerial;
  readonly isLast: boolean;
}

/** What an attempt has come to. */
interface Found {
  readonly outcome: 'settled' | 'again';
  /** Absent when the serial that was asked for is not there. */
  readonly statement?: Statement;
  readonly reference?: Reference;
}

async function verifyFrom(source: TreeSource, options: VerifyOptions, attempt: Attempt): Promise<Found> {
  const { level, log, tally, pointer, isLast } = attempt;
  await using opened = new AsyncDisposableStack();
  const { served, plain } = prepare(source, options, attempt, opened);
  const watch = new PointerWatch(source, pointer);
  if (source.asClients !== undefined) await askAgain(watch, ASKS - 1);
  const reference = await compare(plain, options, attempt);
  await verifyCopy(plain, pointer);
  await findNewer(plain, pointer.statement);
  const asked = await findAsked(plain, options, pointer);
  if (asked === undefined) return { outcome: 'settled', ...(reference && { reference }) };

  const { statement, about } = asked;
  const crew = level === 'roots' ? undefined : crewFor(source, options, tally.files);
  if (crew !== undefined) opened.use(crew);
  const verification = { ...plain, crew };
  await verifyDocuments(verification, statement, about);
  if (level !== 'roots') await verifyFiles(verification, served, about);
  await served?.finish(verification);
  await askAgain(watch, source.asClients === undefined ? 1 : ASKS);
  const outcome = await settle(verification, about, { start: pointer, newest: watch.highest, isLast });
  watch.tell(log);
  return { outcome, statement, ...(reference && { reference }) };
}

/** What the parts of an attempt share, as yet without threads. @param opened ends what is begun for it */
function prepare(
  source: TreeSource,
  { parallel = 16, signal }: VerifyOptions,
  { level, log, tally }: Attempt,
  opened: AsyncDisposableStack,
): { readonly served: ServedCheck | undefined; readonly plain: Verification } {
  const ended = new AbortController();
  opened.defer(() => ended.abort());
  const untilEnd = signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]);
  const served = servedCheck(source, log, level, untilEnd);
  if (served !== undefined) opened.use(served);
  const plain: Verification = {
    source: served?.source ?? quickSource(source),
    log,
    level,
    parallel,
    signal,
    files: tally.files,
    absent: new Map(),
    extra: new Map(),
    crew: undefined,
    enter: (phase) => tally.enter(phase),
    count: (objects, bytes) => tally.count(objects, bytes),
  };
  return { served, plain };
}

/** Holds the roots to those of the other site, if there is one, and names what differs. */
async function compare(
  plain: Verification,
  { against, trustedKeys = [] }: VerifyOptions,
  { log, tally, pointer }: Attempt,
): Promise<Reference | undefined> {
  if (against === undefined) return undefined;
  const reference = await compareRoots(log, pointer, against, trustedKeys);
  tally.compared(reference.isEqual);
  if (!reference.isEqual) await nameDifferences(plain, pointer, against, reference);
  return reference;
}

/** The serial that is to be verified, once the history is that needs to be; undefined when it is not there, which is noted. */
async function findAsked(
  plain: Verification,
  options: VerifyOptions,
  pointer: StatedSerial,
): Promise<{ readonly statement: Statement; readonly about: VerifiedSerial } | undefined> {
  const { source, log, level } = plain;
  const current = pointer.statement;
  const history =
    level === 'roots' && options.serial === undefined ? undefined : await verifyHistory(plain, pointer);
  const { serial = current.serial } = options;
  const isCurrent = serial === current.serial;
  const statement = isCurrent ? current : history?.chain.find((one) => one.serial === serial);
  if (statement !== undefined) return { statement, about: { serial, isCurrent, pool: history?.pool } };
  const message = `serial ${serial} is not in the history of ${source.name}, which is at ${current.serial}`;
  log.add('not-kept', message, { path: serialPath(serial) });
  return undefined;
}

async function askAgain(watch: PointerWatch, times: number): Promise<void> {
  for (let asked = 0; asked < times; asked++) await watch.ask();
}

/** How often a web server is asked for its pointer, at the start and at the end. */
const ASKS = 3;

/** A pool that is smaller is gone through before threads have started. */
const THREADS_FROM_FILES = 5000;
const THREADS_FROM_BYTES = 128 * 1024 * 1024;

function crewFor(
  { directory }: TreeSource,
  { deep = false, threads }: VerifyOptions,
  files: ReadonlyMap<string, PoolFile>,
): Crew | undefined {
  if (directory === undefined) return undefined;
  if (threads !== undefined) return threads === 0 ? loneWorker(directory) : startCrew(directory, threads);
  let bytes = 0;
  for (const { size } of files.values()) bytes += size;
  const isLarge = files.size >= THREADS_FROM_FILES || (deep && bytes >= THREADS_FROM_BYTES);
  return isLarge ? startCrew(directory, availableParallelism()) : loneWorker(directory);
}

/** Documents of a directory are read as threads read them: without promises, which take longer than they. */
function quickSource(source: TreeSource): TreeSource {
  if (source.directory === undefined) return source;
  const files = plainFiles(source.directory);
  return { ...source, read: (path, maxBytes) => Promise.try(() => files.read(path, maxBytes)) };
}
