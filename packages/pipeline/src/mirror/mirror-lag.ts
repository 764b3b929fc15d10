import type { Catalog, MirrorState, Publication } from '@gantry/catalog';

/** How far a mirror is behind, by what is confirmed of it. */
export interface MirrorLag {
  /** How many serials; null: it has none. */
  readonly serials: number | null;
  /** For how long it has lacked the first that it lacks; 0: it lacks none, null: it has none. */
  readonly seconds: number | null;
}

/** So many of the newest publications are read for all mirrors. */
const NEWEST = 100;
/** Serials may have gaps: so many are asked for one by one, of a mirror that is further behind. */
const NEXT = 10;

/** How far mirrors are behind the newest publication, in their order; undefined: nothing is published. */
export async function mirrorLags(
  { publications }: Pick<Catalog, 'publications'>,
  tree: string,
  states: readonly (Pick<MirrorState, 'confirmed'> | undefined)[],
  now: Date,
): Promise<MirrorLag[] | undefined> {
  const { items } = await publications.list(tree, { limit: NEWEST });
  const newest = items.filter(({ state }) => state === 'published');
  const [latest] = newest;
  if (latest === undefined) return undefined;

  const firstAfter = async (serial: number): Promise<Publication> => {
    const known = newest.findLast((one) => one.serial > serial) ?? latest;
    for (let next = serial + 1; next < Math.min(known.serial, serial + NEXT); next++) {
      const publication = await publications.get(tree, next);
      if (publication?.state === 'published') return publication;
    }
    return known;
  };
  return Promise.all(
    states.map(async (state) => {
      const confirmed = state?.confirmed;
      if (confirmed === undefined) return { serials: null, seconds: null };
      if (confirmed >= latest.serial) return { serials: 0, seconds: 0 };
      const { publishedAt } = await firstAfter(confirmed);
      return {
        serials: latest.serial - confirmed,
        seconds: Math.max(0, Math.round((now.getTime() - Date.parse(publishedAt)) / 1000)),
      };
    }),
  );
}
