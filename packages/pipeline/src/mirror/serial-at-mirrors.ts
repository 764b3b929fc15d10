import type { Catalog, Confirmation, Timestamp } from '@gantry/catalog';
import type { Problem } from '@gantry/oci';

/** How one mirror stands to a serial. */
export interface SerialAtMirror {
  readonly mirror: string;
  /** `waiting`: it has not been found there yet, and may still come. */
  readonly state: Confirmation['state'] | 'waiting';
  /** The serial that it was seen at; absent: none. */
  readonly served?: number;
  /** Objects of it that were pulled, by digest. */
  readonly sampled: number;
  readonly problem?: Problem;
  /** When this was found out; absent: it was not, or by a later serial. */
  readonly at?: Timestamp;
}

/** How each mirror stands to a serial, by the configuration's order. */
export async function serialAtMirrors(
  { confirmations }: Pick<Catalog, 'confirmations'>,
  tree: string,
  mirrors: readonly { readonly name: string }[],
  serial: number,
): Promise<SerialAtMirror[]> {
  if (mirrors.length === 0) return [];
  const noted = new Map((await confirmations.of(tree, serial)).map((one) => [one.mirror, one]));
  const states = new Map((await confirmations.mirrors(tree)).map((one) => [one.mirror, one]));
  return mirrors.map(({ name: mirror }) => {
    const state = states.get(mirror);
    const served = state?.serial === undefined ? {} : { served: state.serial };
    const problem = state?.problem === undefined ? {} : { problem: state.problem };
    const note = noted.get(mirror);
    if (note?.state === 'confirmed')
      return { mirror, state: note.state, ...served, sampled: note.sampled, at: note.at };
    // What came to it together with many later ones is not noted one by one.
    if ((state?.confirmed ?? 0) >= serial) return { mirror, state: 'confirmed', ...served, sampled: 0 };
    if (note === undefined) return { mirror, state: 'waiting', ...served, sampled: 0, ...problem };
    return { mirror, state: note.state, ...served, sampled: note.sampled, ...problem, at: note.at };
  });
}
