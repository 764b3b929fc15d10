import type { MirrorState } from '../choose/mirror.ts';

/** What a probe has found: a state, and of a mirror that failed whether that is beyond doubt. */
export interface Probed {
  readonly state: MirrorState;
  /** It answered, and what it said rules it out: another tree, a fork, a wrong signature. It need not be asked again. */
  readonly isCertain: boolean;
}

/**
 * What a mirror counts as after a probe, given what it counted as before. A mirror that is in use and fails once is in doubt:
 * it stays in use until the next probe, moments later, fails as well. One that was out of use and passes is on trial: it gets
 * few requests, as long as others have the same, until the next probe passes, too. So a mirror that comes and goes does
 * not take all its clients along each time.
 * @param wasProbed whether a probe has ended before; the first one settles all
 */
export function settleProbe(former: MirrorState, probed: Probed, wasProbed: boolean): MirrorState {
  const { state, isCertain } = probed;
  if (state.healthy) return former.healthy || !wasProbed ? state : { ...state, onTrial: true };
  if (isCertain || !former.healthy || former.inDoubt === true || former.onTrial === true) return state;
  const { suspected: _, ...known } = former;
  return {
    ...known,
    // What it has taken back it may have removed as well.
    serial: Math.min(former.serial, state.serial),
    ...(state.sightings !== undefined && { sightings: state.sightings }),
    inDoubt: true,
    ...(state.problem === undefined ? {} : { problem: state.problem }),
  };
}
