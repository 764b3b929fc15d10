import { isDeepStrictEqual } from 'node:util';
import { formatPath } from '@gantry/service';
import type { Imported, ImportedTagRules, Remarks } from './imported.ts';
import { sourceNames } from './source-names.ts';

type Sources = Imported['sources'];
type TagRules = ImportedTagRules & { readonly or?: readonly ImportedTagRules[] };

/**
 * Gives each source a name of its own. Those that bring one repository to one name are joined, as one source alone may yield
 * a published name: what either takes is taken.
 */
export function joinSources(sources: Sources, remarks: Remarks): Sources {
  const byPlace = Map.groupBy(sources, ({ entry }) =>
    JSON.stringify([entry['registry'], entry['repositories'], entry['rename']]),
  );
  const nameOf = sourceNames();
  return [...byPlace.values()].map((same) => {
    const [first, ...others] = same as [Sources[number], ...Sources[number][]];
    for (const { from, entry } of others) {
      const differing = Object.keys({ ...first.entry, ...entry }).filter(
        (key) => key !== 'name' && key !== 'tags' && !isDeepStrictEqual(first.entry[key], entry[key]),
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
        ...(Object.keys(tags).length > 0 && { tags }),
      },
    };
  });
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
