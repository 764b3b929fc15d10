/** With more tags than this they stand as the tree has them: sorting them would hold up other requests. */
const MAX_SORTED = 2000;

/** A companion of another manifest (a signature, an attestation), which nobody pulls by hand. */
const COMPANION = /^sha(?:256-[0-9a-f]{64}|512-[0-9a-f]{128})(?:\.|$)/;

/**
 * Tags as a person looks for them: `latest`, then versions, the newest first, then all others by name. Companion tags are
 * left out.
 * @param names in the order of their code units
 */
export function orderTags(names: readonly string[]): readonly string[] {
  const shown = names.filter((name) => !COMPANION.test(name));
  if (shown.length > MAX_SORTED) return shown;
  const ranked = shown.map((name) => ({ name, rank: rankOf(name), key: versionKey(name) }));
  const ordered = ranked.toSorted((a, b) => {
    if (a.rank !== b.rank) return a.rank - b.rank;
    if (a.key === b.key) return a.name < b.name ? -1 : 1;
    return a.key < b.key === (a.rank === VERSION) ? 1 : -1;
  });
  return ordered.map(({ name }) => name);
}

const VERSION = 1;

function rankOf(tag: string): number {
  if (tag === 'latest') return 0;
  return /^v?[0-9]/i.test(tag) ? VERSION : 2;
}

/**
 * A text whose order by code units is that of versions: numbers by their value, and an end after all else, so that 1.0 comes
 * after 1.0-rc1, and 1 after 1.2 (from the newest down, the tag that moves stands above those it moves along).
 */
function versionKey(tag: string): string {
  const numbered = tag.replace(/^v(?=[0-9])/i, '').replaceAll(/[0-9]+/g, (digits) => {
    const value = digits.replace(/^0+(?=[0-9])/, '');
    return String(value.length).padStart(3, '0') + value;
  });
  return `${numbered}~`;
}
