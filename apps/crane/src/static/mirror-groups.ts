import type { Mirror } from '../choose/mirror.ts';

/** Repositories that the same mirrors carry. */
export interface MirrorGroup {
  readonly number: number;
  readonly mirrors: readonly Mirror[];
}

/** Sorts repositories into groups, as they come; most trees have one. */
export interface MirrorGroups {
  of(repository: string): MirrorGroup;
  /** Those that were met so far. */
  all(): readonly MirrorGroup[];
}

export function createMirrorGroups(mirrors: readonly Mirror[]): MirrorGroups {
  const groups = new Map<string, MirrorGroup>();
  return {
    of(repository) {
      const carrying = mirrors.filter(({ carries }) => carries?.(repository) !== false);
      const key = carrying.map(({ name }) => name).join('\n');
      return groups.getOrInsertComputed(key, () => ({ number: groups.size, mirrors: carrying }));
    },
    all: () => [...groups.values()],
  };
}

/** How many parts of `total` each mirror gets, by its weight: at least one, all together `total`; by name, so that it is the same each time. */
export function sharesOf(
  mirrors: readonly Mirror[],
  total: number,
): readonly { readonly base: string; readonly parts: number }[] {
  const sorted = mirrors.toSorted((one, other) => (one.name < other.name ? -1 : 1)).slice(0, total);
  let left = total;
  let weightLeft = sorted.reduce((sum, { weight }) => sum + weight, 0);
  return sorted.map(({ base, weight }, index) => {
    const others = sorted.length - index - 1;
    const fair = Math.round((left * weight) / weightLeft);
    const parts = Math.min(Math.max(fair, 1), left - others);
    left -= parts;
    weightLeft -= weight;
    return { base, parts };
  });
}
