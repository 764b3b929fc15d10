import { rangeProblem } from '@gantry/service';
import type { ImportedTagRules, Remarks } from './imported.ts';
import { isNothing, type Keys } from './read-keys.ts';
import { regclientRange } from './regclient-range.ts';
import { anchoredPattern } from './tag-patterns.ts';

/** Tags that are versions here and none there: `1.2.3_build`. A part before the release may have `_` there. */
const NO_VERSION = '/[^-]*_.*/';

/** The rules for tags of an entry: of several sets, of which one has to hold, each is one. */
export function readTagSets(entry: Keys, remarks: Remarks): ImportedTagRules[] {
  const sets = entry.entries('tagSets');
  const tags = entry.keys('tags');
  const all = isNothing(entry.value('tags')) ? sets : [...sets, tags];
  if (all.length === 0) return [{}];
  return all.flatMap((set) => readTags(set, remarks));
}

function readTags(set: Keys, remarks: Remarks): ImportedTagRules[] {
  const patterns = (key: 'allow' | 'deny') =>
    set.texts(key).flatMap((regex, index) => {
      const read = anchoredPattern(regex);
      if ('pattern' in read) return [read.pattern];
      remarks.lost([...set.at(key), index], read.problem);
      return [];
    });
  const [include, exclude] = [patterns('allow'), patterns('deny')];
  const versions = readRanges(set, remarks);
  if (set.texts('deny').length > exclude.length || (set.texts('allow').length > 0 && include.length === 0)) {
    remarks.lost(set.path, 'is left out, as it would take more than is meant');
    return [];
  }
  if (versions === undefined) return [];
  const excluded = [...exclude, ...versions.exclude];
  return [
    {
      ...(include.length > 0 && { include }),
      ...(excluded.length > 0 && { exclude: excluded }),
      ...versions.keys,
    },
  ];
}

interface Versions {
  readonly keys: ImportedTagRules;
  readonly exclude: readonly string[];
}

/** Ranges of versions, of which one has to hold. @returns undefined: one can't be said */
function readRanges(set: Keys, remarks: Remarks): Versions | undefined {
  const ranges: string[] = [];
  for (const [index, text] of set.texts('semverRange').entries()) {
    if (text === '') continue;
    const range = regclientRange(text);
    if (range === undefined || rangeProblem(range) !== undefined) {
      remarks.lost(
        [...set.at('semverRange'), index],
        `${text} is no range of regsync that has a counterpart: the rules are left out`,
      );
      return undefined;
    }
    ranges.push(range);
  }
  const semver = ranges.join(' || ');
  if (semver === '') return { keys: {}, exclude: [] };
  remarks.changed(
    set.at('semverRange'),
    'of tags that are versions there 1.2.3.4 and 1.2.3-01 are none here, and are not taken',
  );
  if (/-\S*[a-z]/i.test(semver))
    remarks.changed(
      set.at('semverRange'),
      'names a version before a release: rc.1 comes before rc.2 here, as semver.org says, and is the same there',
    );
  return { keys: { semver, prereleases: true }, exclude: [NO_VERSION] };
}
