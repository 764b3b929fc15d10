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
  /** The crane may answer itself: who was at several mirrors, and at each that qualifies, is sent to none of them again. */
  readonly isHere?: boolean;
}

/** Hears of a client that came back from a mirror, and of what it was sent there for. */
export type CameBack = (mirror: Mirror, object: Wanted) => void;

/** Whom a mirror is chosen for. */
export interface Client {
  /** Absent: it is not known. */
  readonly address?: string;
  /** It came by https, and is never sent on to http. Absent: it did not. */
  readonly isHttps?: boolean;
  /** Pools of mirrors by their places in the list of all, the nearest first. */
  readonly pools: readonly Pool[];
  /** The mirrors that it was sent to for the object within the last seconds, so that it is likely to have failed there; the latest one last. */
  readonly sentBefore: (digest: Digest) => readonly number[];
  /** It is sent to this mirror for the object now. */
  readonly sendTo: (digest: Digest, member: number) => void;
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
 * is at one of them again.
 */
export function chooseMirror(
  states: readonly MirrorState[],
  wanted: Wanted,
  client: Client,
): MirrorState | undefined {
  const { digest } = wanted;
  const before = client.sentBefore(digest);
  const last = before.at(-1);
  if (last !== undefined) client.cameBackFrom?.((states[last] as MirrorState).mirror, wanted);
  const may = (state: MirrorState) => qualifies(state, wanted);
  const mayWell = (state: MirrorState) => !isSpared(state, digest) && may(state);
  return (
    choose(states, digest, client, mayWell, before) ??
    choose(states, digest, client, may, before) ??
    (before.length === 0 || (wanted.isHere === true && before.length > 1)
      ? undefined
      : (choose(states, digest, client, mayWell) ?? choose(states, digest, client, may)))
  );
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
  const { repository, digest, signedOnly = false } = wanted;
  const before = client.sentBefore(digest);
  const isTrusted = ({ mirror }: MirrorState) =>
    mirror.trusted && (!signedOnly || mirror.isSigned) && mirror.carries?.(repository) !== false;
  const answers = (state: MirrorState) => isTrusted(state) && state.healthy;
  return (
    choose(states, digest, client, answers, before) ??
    choose(states, digest, client, isTrusted, before) ??
    choose(states, digest, client, answers) ??
    choose(states, digest, client, isTrusted)
  );
}

const NOWHERE: readonly number[] = [];

/** The first mirror that is admitted and that the client was not at before, noted as where it is now. */
function choose(
  states: readonly MirrorState[],
  digest: Digest,
  { pools, sendTo }: Client,
  admits: (state: MirrorState) => boolean,
  before: readonly number[] = NOWHERE,
): MirrorState | undefined {
  const isAdmitted = (member: number) => !before.includes(member) && admits(states[member] as MirrorState);
  for (const pool of pools) {
    const first = pool.first(digest, isAdmitted);
    if (first < 0) continue;
    sendTo(digest, first);
    return states[first];
  }
  return undefined;
}
