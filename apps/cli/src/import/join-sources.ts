import { isDeepStrictEqual } from 'node:util';
import { isGlob } from '@gantry/oci/glob';
import { formatPath } from '@gantry/service';
import type { Imported, ImportedSource, ImportedTagRules, Remarks } from './imported.ts';
import { sourceNames } from './source-names.ts';
import { takesSignatureTags } from './tag-patterns.ts';

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
    const [first, ...all] = same as [Sources[number], ...Sources[number][]];
    const others = all.filter((other) => !differsInReferrers(first, other, same));
    const published = publishedName(first.entry);
    const former = published === undefined ? first : yielded.getOrInsert(published, first);
    if (former !== first)
      remarks.lost(
        first.from,
        `yields ${published} as ${formatPath(former.from)} does, from another place, and one source alone may: give it another name by rename`,
      );
    for (const { from } of all.filter((other) => !others.includes(other)))
      remarks.lost(
        from,
        `is left out: it differs from ${formatPath(first.from)} in referrers, and one source alone may yield a name`,
      );
    for (const { from, entry } of others) {
      const differing = Object.keys({ ...first.entry, ...entry }).filter(
        (key) => !JOINED.includes(key) && !isDeepStrictEqual(first.entry[key], entry[key]),
      );
      const said = `is joined with ${formatPath(first.from)}, as one source alone may yield a name`;
      if (differing.length > 0) remarks.lost(from, `${said}, and gets its ${differing.join(' and ')}`);
      else if (!isDeepStrictEqual(from, first.from)) remarks.changed(from, said);
    }
    const { tags: _tags, name, ...entry } = first.entry;
    const joined = [first, ...others];
    const tags = either(joined.map((source) => (source.entry['tags'] ?? {}) as ImportedTagRules));
    return {
      from: first.from,
      entry: {
        name: nameOf(name),
        ...entry,
        referrers: joined.some((source) => source.entry['referrers'] === true),
        ...(Object.keys(tags).length > 0 && { tags }),
      },
    };
  });
}

/**
 * Whether one of two takes referrers and the other does not: joined, those of all images would come. Where tags such as
 * `sha256-….sig` are taken by their names, those of all images come anyway.
 */
function differsInReferrers(one: Sources[number], other: Sources[number], all: Sources): boolean {
  if (one.entry['referrers'] === other.entry['referrers']) return false;
  const taking = one.entry['referrers'] === true ? one : other;
  const ofItsEntry = all.filter(({ from }) => isDeepStrictEqual(from, taking.from));
  return !ofItsEntry.some(({ entry }) => takesSignatureTags(entry['tags'] ?? {}));
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
