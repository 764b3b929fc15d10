import type { Digest, ManifestKind } from '@gantry/oci';
import { hexWord } from '../repositories/bytes.ts';
import type { Pool } from './rendezvous.ts';
import type { Mirror, MirrorState } from './mirror.ts';

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
}

/** Hears of a client that came back from a mirror, and of what it was sent there for. */
export type CameBack = (mirror: Mirror, object: Wanted) => void;

/** Whom a mirror is chosen for. */
export interface Client {
  /** Absent: it is not known. */
  readonly address?: string;
  /** Pools of mirrors by their places in the list of all, the nearest first. */
  readonly pools: readonly Pool[];
  /** How often it was sent somewhere for the object within the last seconds, so that it is likely to have failed there. Counts each call. */
  readonly sentBefore: (digest: Digest) => number;
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
 * sent for the same object just before gets the next one in that order.
 */
export function chooseMirror(
  states: readonly MirrorState[],
  wanted: Wanted,
  client: Client,
): MirrorState | undefined {
  const { digest } = wanted;
  return (
    choose(states, wanted, client, (state) => !isSpared(state, digest) && qualifies(state, wanted)) ??
    choose(states, wanted, client, (state) => qualifies(state, wanted))
  );
}

/** Of the objects that a mirror on trial would get, it gets one in so many, as long as others have the rest. */
const TRIAL_SHARE = 8;

function isSpared({ onTrial, mirror }: MirrorState, digest: Digest): boolean {
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

/** A trusted mirror, when none qualifies: rather one that lags than one that does not answer. */
export function lastResort(
  states: readonly MirrorState[],
  wanted: Wanted,
  client: Client,
): MirrorState | undefined {
  const { repository, signedOnly = false } = wanted;
  const isTrusted = ({ mirror }: MirrorState) =>
    mirror.trusted && (!signedOnly || mirror.isSigned) && mirror.carries?.(repository) !== false;
  return (
    choose(states, wanted, client, (state) => isTrusted(state) && state.healthy) ??
    choose(states, wanted, client, isTrusted)
  );
}

function choose(
  states: readonly MirrorState[],
  wanted: Wanted,
  { pools, sentBefore, cameBackFrom }: Client,
  admits: (state: MirrorState) => boolean,
): MirrorState | undefined {
  const { digest } = wanted;
  const isAdmitted = (member: number) => admits(states[member] as MirrorState);
  let first = -1;
  for (const pool of pools) {
    first = pool.first(digest, isAdmitted);
    if (first >= 0) break;
  }
  if (first < 0) return undefined;
  const before = sentBefore(digest);
  if (before === 0) return states[first];
  const order = [...new Set(pools.flatMap((pool) => pool.order(digest)))].filter(isAdmitted);
  const at = (index: number) => states[order[index % order.length] as number] as MirrorState;
  cameBackFrom?.(at(before - 1).mirror, wanted);
  return at(before);
}
