import { type Client, findMirror, type Wanted } from './choose-mirror.ts';
import type { MirrorState } from './mirror.ts';

/** So many redirects are looked ahead. */
const LOOKS = 16;

/**
 * The mirrors that a client would be sent to if it came for an object now, and again and again at once, by their places in
 * the list of all, in that order. Nothing is noted, and nobody is told.
 */
export function foreseeMirrors(
  states: readonly MirrorState[],
  wanted: Wanted,
  { pools, sentBefore }: Client,
): readonly number[] {
  const found = new Set<number>();
  let before = sentBefore(wanted);
  const imagined: Client = {
    pools,
    sentBefore: () => before,
    sendTo: (_, member) => {
      found.add(member);
      before = before.includes(member) ? [member] : [...before, member];
    },
  };
  for (let look = 0; look < LOOKS && found.size < states.length; look++) findMirror(states, wanted, imagined);
  return [...found];
}
