import type { Digest, ManifestKind } from '@gantry/oci';
import { hexWord } from '../repositories/bytes.ts';
import type { Pool } from './rendezvous.ts';
import type { Mirror, MirrorState } from './mirror.ts';
import type { ClientPlace } from './nearness.ts';

/** What a mirror must have to be sent a request. */
export interface Wanted {
  /** The published name that the object is asked for in. */
  readonly repository: string;
  readonly digest: Digest;
  /** Where it lies in the tree. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** The first serial that holds the object. */
  readonly since: number;
  /** The manifest kind whose Content-Type has to be proven; absent if that does not matter. */
  readonly kind?: ManifestKind;
  /** Clients look at its Content-Type: a redirector has to be vouched for, as any of its mirrors may answer. */
  readonly isTyped?: boolean;
  /** Only mirrors the operator vouches for. */
  readonly trustedOnly?: boolean;
  /** Only mirrors that look for a signature. */
  readonly signedOnly?: boolean;
  /** The crane may answer itself: who was at several mirrors, and at each that qualifies, is sent to none of them again. */
  readonly isHere?: boolean;
}

/**
 * What a client is sent to a mirror for. The repository belongs to it: a layer that several images share is asked for once for
 * each of them, and nobody failed with it.
 */
export interface SentFor extends Pick<Wanted, 'repository' | 'digest'> {
  /** It is fetched part by part, side by side. */
  readonly byParts?: true;
}

/** Hears of a client that came back from a mirror, and of what it was sent there for. */
export type CameBack = (mirror: Mirror, object: Wanted) => void;

/** Whom a mirror is chosen for. */
export interface Client {
  /** Absent: it is not known. */
  readonly address?: string;
  /** It came by https, and is never sent on to http. Absent: it did not. */
  readonly isHttps?: boolean;
  /** Where it is, as far as that matters and is known. */
  readonly place?: ClientPlace;
  /** Pools of mirrors by their places in the list of all, the nearest first. */
  readonly pools: readonly Pool[];
  /** The mirrors that it was sent to for the object within the last seconds, so that it is likely to have failed there; the latest one last. */
  readonly sentBefore: (object: SentFor) => readonly number[];
  /** It is sent to this mirror for the object now. */
  readonly sendTo: (object: SentFor, member: number) => void;
  /** It came back from a mirror that it was sent to for this. Absent: nobody is told. */
  readonly cameBackFrom?: CameBack;
}

/** Whether a mirror is known to hold the object and to serve it rightly. */
export function qualifies(state: MirrorState, wanted: Wanted): boolean {
  return (
    state.healthy &&
    state.serial >= wanted.since &&
    (wanted.kind === undefined || state.kinds.has(wanted.kind)) &&
    (wanted.isTyped !== true || state.mirror.redirector === undefined || state.mirror.trusted) &&
    (wanted.trustedOnly !== true || state.mirror.trusted) &&
    (wanted.signedOnly !== true || state.mirror.isSigned) &&
    state.mirror.carries?.(wanted.repository) !== false
  );
}

/**
 * One of the mirrors that qualify, of the nearest pool that has any; within a pool the digest decides. A client that was
 * sent for the same object just before gets the next one in that order: it is at each mirror that qualifies once before it
 * is at one of them again. It may have just asked twice: so it leaves no pool that has one where it was not.
 */
export function chooseMirror(
  states: readonly MirrorState[],
  wanted: Wanted,
  client: Client,
): MirrorState | undefined {
  const { digest } = wanted;
  const before = client.sentBefore(wanted);
  const last = before.at(-1);
  const may = (state: MirrorState) => qualifies(state, wanted);
  const mayWell = (state: MirrorState) => !isSpared(state, digest) && may(state);
  const first = () => choose(states, wanted, client, [mayWell]) ?? choose(states, wanted, client, [may]);
  if (last === undefined) return first();
  client.cameBackFrom?.((states[last] as MirrorState).mirror, wanted);
  const other = choose(states, wanted, client, [mayWell, may], before);
  return other ?? (wanted.isHere === true && before.length > 1 ? undefined : first());
}

/** Of the objects that a mirror on trial would get, it gets one in so many, as long as others have the rest. */
const TRIAL_SHARE = 8;

function isSpared({ onTrial, suspected, mirror }: MirrorState, digest: Digest): boolean {
  if (suspected === true) return true;
  if (onTrial !== true) return false;
  return (hexWord(digest, digest.indexOf(':') + 9) ^ mirror.seed) % TRIAL_SHARE !== 0;
}

/** How many other mirrors a redirect names. */
const DUPLICATES = 2;

/** Mirrors that qualify besides the one that was chosen, the next first. */
export function duplicatesOf(
  chosen: MirrorState,
  states: readonly MirrorState[],
  wanted: Wanted,
  { pools }: Client,
): readonly MirrorState[] {
  const found: MirrorState[] = [];
  if (states.length < 2) return found;
  const isOther = (member: number) => {
    const state = states[member] as MirrorState;
    return state !== chosen && !found.includes(state) && qualifies(state, wanted);
  };
  for (const pool of pools) {
    for (
      let next = pool.first(wanted.digest, isOther);
      next >= 0;
      next = pool.first(wanted.digest, isOther)
    ) {
      found.push(states[next] as MirrorState);
      if (found.length === DUPLICATES) return found;
    }
  }
  return found;
}

/**
 * A trusted mirror, when none qualifies: rather one that lags than one that does not answer. A client that comes back gets
 * the next one.
 */
export function lastResort(
  states: readonly MirrorState[],
  wanted: Wanted,
  client: Client,
): MirrorState | undefined {
  const { repository, signedOnly = false } = wanted;
  const before = client.sentBefore(wanted);
  const isTrusted = ({ mirror }: MirrorState) =>
    mirror.trusted && (!signedOnly || mirror.isSigned) && mirror.carries?.(repository) !== false;
  const answers = (state: MirrorState) => isTrusted(state) && state.healthy;
  return (
    choose(states, wanted, client, [answers], before) ??
    choose(states, wanted, client, [isTrusted], before) ??
    choose(states, wanted, client, [answers]) ??
    choose(states, wanted, client, [isTrusted])
  );
}

/** The mirror that a client is sent to where the crane does not answer itself: one that qualifies, else the last resort. */
export function findMirror(
  states: readonly MirrorState[],
  wanted: Wanted,
  client: Client,
): MirrorState | undefined {
  return chooseMirror(states, wanted, client) ?? lastResort(states, wanted, client);
}

const NOWHERE: readonly number[] = [];

/**
 * The first mirror that is admitted and that the client was not at before, noted as where it is now.
 * @param admitted what is asked of a mirror; what is asked first is looked for first, in each pool
 */
function choose(
  states: readonly MirrorState[],
  wanted: Wanted,
  { pools, sendTo }: Client,
  admitted: readonly ((state: MirrorState) => boolean)[],
  before: readonly number[] = NOWHERE,
): MirrorState | undefined {
  for (const pool of pools) {
    for (const admits of admitted) {
      const isAdmitted = (member: number) =>
        !before.includes(member) && admits(states[member] as MirrorState);
      const first = pool.first(wanted.digest, isAdmitted);
      if (first < 0) continue;
      sendTo(wanted, first);
      return states[first];
    }
  }
  return undefined;
}
