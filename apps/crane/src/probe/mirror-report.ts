import type { ManifestKind } from '@gantry/oci';
import { holdsFor, type Mirror, type MirrorState, unprobed } from '../choose/mirror.ts';

/** What is known of a mirror, as one process tells it another: a state as plain data, without what its next probe needs. */
export interface MirrorReport extends Omit<MirrorState, 'mirror' | 'kinds' | 'sightings' | 'lastFound'> {
  readonly name: string;
  /** Where the mirror begins: one that has moved is another. */
  readonly base: string;
  /** What it carries: for another part other things have to be found. */
  readonly repositories?: readonly string[];
  readonly kinds: readonly ManifestKind[];
}

export function reportOf({ mirror, kinds, ...state }: MirrorState): MirrorReport {
  const { name, base, repositories } = mirror;
  const { sightings: _, lastFound: __, ...told } = state;
  return { ...told, name, base, ...(repositories !== undefined && { repositories }), kinds: [...kinds] };
}

/** What is known of a mirror by its report; one that there is none of, or of another place or part, was not probed. */
export function stateFrom(mirror: Mirror, report: MirrorReport | undefined): MirrorState {
  if (report === undefined || !holdsFor(report, mirror)) return unprobed(mirror);
  const { name: _, base: __, repositories: ___, kinds, ...state } = report;
  return { ...state, mirror, kinds: new Set(kinds) };
}
