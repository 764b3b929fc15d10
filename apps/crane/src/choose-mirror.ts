import type { Digest, ManifestKind } from '@gantry/oci';
import { hexWord } from './bytes.ts';
import type { MirrorState } from './mirror.ts';

/** What a mirror must have to be sent a request. */
export interface Wanted {
  readonly digest: Digest;
  /** The first serial that holds the object. */
  readonly since: number;
  /** The manifest kind whose Content-Type has to be proven; absent if that does not matter. */
  readonly kind?: ManifestKind;
  /** Only mirrors the operator vouches for. */
  readonly trustedOnly?: boolean;
}

/** Whether a mirror is known to hold the object and to serve it rightly. */
export function qualifies(state: MirrorState, wanted: Wanted): boolean {
  return (
    state.healthy &&
    state.serial >= wanted.since &&
    (wanted.kind === undefined || state.kinds.has(wanted.kind)) &&
    (wanted.trustedOnly !== true || state.mirror.trusted)
  );
}

/**
 * One of the mirrors that qualify, by weighted rendezvous hashing: the same digest goes to the same mirror, so that it
 * lies in few caches; a mirror gets its weight's share; and one that comes or goes moves only its own share.
 */
export function chooseMirror(states: readonly MirrorState[], wanted: Wanted): MirrorState | undefined {
  return highestScore(states, wanted.digest, (state) => qualifies(state, wanted));
}

/**
 * A trusted mirror, when none qualifies: rather one that lags than one that does not answer.
 */
export function lastResort(states: readonly MirrorState[], digest: Digest): MirrorState | undefined {
  return (
    highestScore(states, digest, (state) => state.mirror.trusted && state.healthy) ??
    highestScore(states, digest, (state) => state.mirror.trusted)
  );
}

function highestScore(
  states: readonly MirrorState[],
  digest: Digest,
  admits: (state: MirrorState) => boolean,
): MirrorState | undefined {
  const hexAt = digest.indexOf(':') + 1;
  const high = hexWord(digest, hexAt);
  const low = hexWord(digest, hexAt + 8);
  let best: MirrorState | undefined;
  let bestScore = -1;
  for (const state of states) {
    if (!admits(state)) continue;
    const score = state.mirror.weight / -Math.log(uniform(high, low, state.mirror.seed));
    if (score > bestScore) {
      best = state;
      bestScore = score;
    }
  }
  return best;
}

/** A number between 0 and 1, both excluded, that follows from a digest's first 64 bits and a mirror's seed. */
function uniform(high: number, low: number, seed: number): number {
  const first = mix(high ^ seed);
  const second = mix(low ^ Math.imul(seed, 0x9e3779b1) ^ first);
  return (first * 2 ** 20 + (second >>> 12) + 0.5) / 2 ** 52; // 52 bits, so that the half is exact and 1 is never reached
}

/** Spreads each bit over all 32 (the finalizer of MurmurHash3, which is in the public domain). */
function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
