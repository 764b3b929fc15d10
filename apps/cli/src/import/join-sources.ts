import { isDeepStrictEqual } from 'node:util';
import { isGlob } from '@gantry/oci/glob';
import { formatPath } from '@gantry/service';
import type { Imported, ImportedSource, ImportedTagRules, Remarks } from './imported.ts';
import { sourceNames } from './source-names.ts';

type Sources = Imported['sources'];
type TagRules = ImportedTagRules & { readonly or?: readonly ImportedTagRules[] };

/** Keys that need not be the same in sources that are joined. */
const JOINED = ['name', 'tags', 'referrers'];

/**
 * Gives each source a name of its own. Those that bring one repository to one name are joined, as one source alone may yield
 * a published name: what either takes is taken.
 */
export function joinSources(sources: Sources, remarks: Remarks): Sources {
  const byPlace = Map.groupBy(sources, ({ entry }) =>
    JSON.stringify([entry['registry'], entry['repositories'], entry['rename']]),
  );
  const nameOf = sourceNames();
  const yielded = new Map<string, Sources[number]>();
  return [...byPlace.values()].map((same) => {
    const [first, ...others] = same as [Sources[number], ...Sources[number][]];
    const published = publishedName(first.entry);
    const former = published === undefined ? first : yielded.getOrInsert(published, first);
    if (former !== first)
      remarks.lost(
        first.from,
        `yields ${published} as ${formatPath(former.from)} does, from another place, and one source alone may: give it another name by rename`,
      );
    for (const { from, entry } of others) {
      const differing = Object.keys({ ...first.entry, ...entry }).filter(
        (key) => !JOINED.includes(key) && !isDeepStrictEqual(first.entry[key], entry[key]),
      );
      const joined = `is joined with ${formatPath(first.from)}, as one source alone may yield a name`;
      if (differing.length > 0) remarks.lost(from, `${joined}, and gets its ${differing.join(' and ')}`);
      else if (!isDeepStrictEqual(from, first.from)) remarks.changed(from, joined);
    }
    const { tags: _tags, name, ...entry } = first.entry;
    const tags = either(same.map((source) => (source.entry['tags'] ?? {}) as ImportedTagRules));
    return {
      from: first.from,
      entry: {
        name: nameOf(name),
        ...entry,
        referrers: same.some((source) => source.entry['referrers'] === true),
        ...(Object.keys(tags).length > 0 && { tags }),
      },
    };
  });
}

/** What a source of one repository alone yields. */
function publishedName({ repositories, rename }: ImportedSource): string | undefined {
  const [only, ...more] = (repositories ?? []) as readonly string[];
  if (only === undefined || more.length > 0 || isGlob(only)) return undefined;
  return (rename as { readonly to: string } | undefined)?.to ?? only;
}

/** Rules that take what one of these takes. */
function either(sets: readonly ImportedTagRules[]): TagRules {
  if (sets.some((rules) => Object.keys(rules).length === 0)) return {};
  const names = sets.filter(hasNamesOnly).flatMap(({ include = [] }) => include);
  const all: ImportedTagRules[] = [
    ...(names.length > 0 ? [{ include: [...new Set(names)] }] : []),
    ...sets.filter((rules) => !hasNamesOnly(rules)),
  ];
  const [first, ...or] = all as [ImportedTagRules, ...ImportedTagRules[]];
  return or.length > 0 ? { ...first, or } : first;
}

function hasNamesOnly(rules: ImportedTagRules): boolean {
  return isDeepStrictEqual(Object.keys(rules), ['include']);
}
