import { Fault, isRepositoryName } from '@gantry/oci';
import { parseDuration, platformProblem, rangeProblem } from '@gantry/service';
import { parseImageReference, registryHost } from './image-reference.ts';
import {
  createRemarks,
  type Imported,
  type ImportedSource,
  type Importer,
  type Remarks,
} from './imported.ts';
import { npmRange } from './npm-range.ts';
import { Keys } from './read-keys.ts';
import { exactly, registryKeys, type RegistrySettings } from './registry-settings.ts';
import { readCredentials } from './regsync-credentials.ts';
import { intervalOfSchedule } from './schedule.ts';
import { sourceNames } from './source-names.ts';
import { anchoredPattern } from './tag-patterns.ts';

/** Keys that change nothing that is copied, and what does their work here. */
const OWN_WAYS: Readonly<Record<string, string>> = {
  ratelimit: 'what a registry says of its limits is honoured always',
  parallel: 'limits.connections of each source, and the workers that run, decide what goes on at once',
  fastCheck: 'one HEAD a tag tells whether it moved',
  forceRecursive: 'what is missing is brought by gantry sync of the repository by its name',
  backup: 'earlier serials of the tree stay whole (tree.keepSnapshots), and gantry rollback goes back to one',
  blobLimit: 'blobs are streamed, whatever their size',
  cacheCount: 'there is nothing to set',
  cacheTime: 'there is nothing to set',
  skipDockerConfig: "docker's own credentials are never read: name them under credentials",
};
/** Keys that nothing here does. */
const LOST: Readonly<Record<string, string>> = {
  hooks: 'commands are not run: events say what was synced (docs/messages.md)',
  mediaTypes: 'all manifests are taken',
  referrerFilters: 'all referrers are taken, or none',
  referrerSource: 'referrers are taken from where the image is',
  referrerTarget: 'referrers stand with their image',
  referrerSlow: 'referrers are asked for by their API and by their tags',
  userAgent: 'it can not be set',
};
/** Keys of an entry that may stand under `defaults`. */
const INHERITED = [
  'interval',
  'schedule',
  'digestTags',
  'referrers',
  'includeExternal',
  ...Object.keys(OWN_WAYS),
  ...Object.keys(LOST),
];

/** Reads a regsync.yml (regclient, docs/regsync). @throws Fault REQUEST_INVALID */
export const importRegsync: Importer = (value): Imported => {
  const remarks = createRemarks();
  const file = new Keys(value, []);
  const version = file.text('version');
  if (version !== undefined && version !== '0' && version !== '1')
    throw new Fault('REQUEST_INVALID', `version: ${version} is none that is known: it must be 1`);
  const hosts = readCredentials(file.list('creds'), remarks);
  const defaults = file.keys('defaults');
  const nameOf = sourceNames();
  const sources = file.list('sync').flatMap((entry, index) => {
    const path = ['sync', index];
    return readEntry(new Keys(entry, path), defaults, hosts, remarks).map((source) => ({
      from: path,
      entry: { ...source, name: nameOf(source.name) },
    }));
  });
  tellOthers(defaults, INHERITED, remarks);
  // Extensions are for anchors, and `x-` marks them.
  for (const key of file.unread())
    if (!key.startsWith('x-')) remarks.lost([key], 'is not a key of regsync, and is left out');
  return { sources, remarks: remarks.all };
};

/** Tells of the keys of an entry or of the defaults that are not taken over. */
function tellOthers(keys: Keys, taken: readonly string[], remarks: Remarks): void {
  for (const key of keys.unread()) {
    const own = OWN_WAYS[key];
    const lost = LOST[key];
    if (own !== undefined) remarks.changed(keys.at(key), own);
    else if (lost !== undefined) remarks.lost(keys.at(key), lost);
    else if (!taken.includes(key)) remarks.lost(keys.at(key), 'is not a key of regsync, and is left out');
  }
}

/** The sources that an entry becomes: one for each set of tag rules. */
function readEntry(
  entry: Keys,
  defaults: Keys,
  hosts: ReadonlyMap<string, RegistrySettings>,
  remarks: Remarks,
): ImportedSource[] {
  const type = entry.text('type');
  const [source = '', target = ''] = [entry.text('source'), entry.text('target')];
  const template = ['source', 'target'].find((key) => entry.text(key)?.includes('{{'));
  if (template !== undefined) {
    remarks.lost(
      entry.at(template),
      'holds a template: import what `regsync config` prints, where it is filled in',
    );
    return [];
  }
  const place =
    type === 'registry'
      ? readRegistry(entry, source, target, remarks)
      : type === 'repository' || type === 'image'
        ? readRepository(entry, { source, target, isImage: type === 'image' }, remarks)
        : undefined;
  if (place === undefined) {
    if (type !== 'registry' && type !== 'repository' && type !== 'image')
      remarks.lost(
        entry.at('type'),
        `${type ?? 'nothing'} is none of image, repository and registry: the entry is left out`,
      );
    return [];
  }
  const common = {
    name: place.name,
    ...registryKeys(place.host, hosts.get(place.host) ?? {}),
    ...place.keys,
    ...platformsOf(entry, remarks),
    referrers: referrersOf(entry, defaults, remarks),
    ...everyOf(entry, defaults, remarks),
  };
  const external = inherited(entry, defaults, 'includeExternal');
  if (external.flag('includeExternal') === true)
    Object.assign(common, { allow: { ...allowOf(common), foreignLayers: true } });
  const sets = place.tags === undefined ? readTagSets(entry, remarks) : [place.tags];
  tellOthers(entry, [], remarks);
  return sets.map((tags) => ({ ...common, ...(Object.keys(tags).length > 0 && { tags }) }));
}

function allowOf(keys: Readonly<Record<string, unknown>>): object {
  return (keys['allow'] as object | undefined) ?? {};
}

interface Place {
  readonly name: string;
  readonly host: string;
  readonly keys: Readonly<Record<string, unknown>>;
  /** Of an image, whose one tag stands in the source itself. */
  readonly tags?: Readonly<Record<string, unknown>>;
}

function readRepository(
  entry: Keys,
  { source, target, isImage }: { source: string; target: string; isImage: boolean },
  remarks: Remarks,
): Place | undefined {
  const from = parseImageReference(source);
  if (from === undefined) {
    remarks.lost(entry.at('source'), 'is no repository of a registry: the entry is left out');
    return undefined;
  }
  if (from.digest !== undefined) {
    remarks.lost(entry.at('source'), 'names a digest, and a source takes tags: the entry is left out');
    return undefined;
  }
  const to = parseImageReference(target);
  if (to === undefined)
    remarks.lost(entry.at('target'), 'is no repository of a registry: the name stays as it is');
  const tag = from.tag ?? 'latest';
  if (isImage && to !== undefined && (to.tag ?? 'latest') !== tag)
    remarks.lost(entry.at('target'), `tags keep their names: it is published as ${tag}`);
  return {
    name: to?.repository ?? from.repository,
    host: from.registry,
    keys: {
      repositories: [from.repository],
      ...(to !== undefined &&
        to.repository !== from.repository && {
          rename: { from: exactly(from.repository), to: to.repository },
        }),
    },
    ...(isImage && { tags: { include: [tag] } }),
  };
}

function readRegistry(entry: Keys, source: string, target: string, remarks: Remarks): Place | undefined {
  const repos = entry.keys('repos');
  const repositories: string[] = [];
  for (const [index, regex] of repos.texts('allow').entries()) {
    const glob = globOf(regex);
    if (glob === undefined)
      remarks.lost(
        [...repos.at('allow'), index],
        'is more than a glob can say: write globs under repositories',
      );
    else repositories.push(glob);
  }
  const hasAllow = repos.texts('allow').length > 0;
  for (const index of repos.texts('deny').keys())
    remarks.lost(
      [...repos.at('deny'), index],
      'repositories are named, not left out: write globs under repositories',
    );
  if (repos.texts('deny').length > 0 || (hasAllow && repositories.length === 0)) {
    remarks.lost(entry.path, 'is left out, as it would take more than is meant');
    return undefined;
  }
  const prefix = target.split('/').slice(1).join('/');
  return {
    name: source,
    host: registryHost(source),
    keys: {
      ...(hasAllow && { repositories }),
      ...(prefix !== '' && { rename: { from: '^', to: `${prefix}/` } }),
    },
  };
}

/** A glob for a regular expression over names that says no more than one: text, and `.*` as its parts. */
function globOf(regex: string): string | undefined {
  const glob = regex
    .replaceAll(/\\([./_-])/g, '$1')
    .replace(/(^|\/)\.[*+]$/, '$1**')
    .replace(/\.\*$/, '**');
  return isRepositoryName(glob.replace(/\*\*$/, 'x')) ? glob : undefined;
}

function readTagSets(entry: Keys, remarks: Remarks): Record<string, unknown>[] {
  const sets = entry.entries('tagSets');
  const tags = entry.keys('tags');
  const all = tags.names.length > 0 ? [...sets, tags] : sets;
  if (all.length === 0) return [{}];
  return all.flatMap((set) => readTags(set, remarks));
}

/** The rules of one set; several ranges of versions, of which one has to hold, make one rule. */
function readTags(set: Keys, remarks: Remarks): Record<string, unknown>[] {
  const patterns = (key: 'allow' | 'deny') =>
    set.texts(key).flatMap((regex, index) => {
      const read = anchoredPattern(regex);
      if ('pattern' in read) return [read.pattern];
      remarks.lost([...set.at(key), index], read.problem);
      return [];
    });
  const [include, exclude] = [patterns('allow'), patterns('deny')];
  const range = set.texts('semverRange').map(npmRange).join(' || ');
  if (set.texts('deny').length > exclude.length || (set.texts('allow').length > 0 && include.length === 0)) {
    remarks.lost(set.path, 'is left out, as it would take more than is meant');
    return [];
  }
  if (range !== '' && rangeProblem(range) !== undefined) {
    remarks.lost(set.at('semverRange'), `${range} is no range as npm writes it: the rules are left out`);
    return [];
  }
  if (range !== '') remarks.changed(set.at('semverRange'), 'is read as npm reads ranges');
  return [
    {
      ...(include.length > 0 && { include }),
      ...(exclude.length > 0 && { exclude }),
      ...(range !== '' && { semver: range }),
    },
  ];
}

function platformsOf(entry: Keys, remarks: Remarks): Record<string, unknown> {
  const one = entry.text('platform');
  const platforms = [...(one === undefined ? [] : [one]), ...entry.texts('platforms')];
  const known = platforms.filter((platform) => platformProblem(platform) === undefined);
  if (one !== undefined)
    remarks.changed(
      entry.at('platform'),
      'an index keeps its digest, and of its images only this platform is taken',
    );
  if (known.length < platforms.length)
    remarks.lost(entry.at('platforms'), 'names something that is no platform');
  return known.length > 0 ? { platforms: known } : {};
}

function referrersOf(entry: Keys, defaults: Keys, remarks: Remarks): boolean {
  const [referrers, digestTags] = ['referrers', 'digestTags'].map(
    (key) => inherited(entry, defaults, key).flag(key) ?? false,
  ) as [boolean, boolean];
  if (referrers !== digestTags)
    remarks.changed(
      inherited(entry, defaults, 'digestTags').at(referrers ? 'referrers' : 'digestTags'),
      'referrers come by their API and by tags such as sha256-….sig alike',
    );
  return referrers || digestTags;
}

function everyOf(entry: Keys, defaults: Keys, remarks: Remarks): Record<string, unknown> {
  const own = ['schedule', 'interval'].some((key) => entry.names.includes(key)) ? entry : defaults;
  const [schedule, interval] = [own.text('schedule'), own.text('interval')];
  entry.text('schedule');
  if (schedule !== undefined) {
    const every = intervalOfSchedule(schedule);
    remarks.changed(own.at('schedule'), `syncs are told how often, not when: every ${every}`);
    return { every };
  }
  if (interval === undefined) return {};
  try {
    parseDuration(interval);
    return { every: interval };
  } catch {
    remarks.lost(own.at('interval'), `${interval} is not a duration such as 1h30m`);
    return {};
  }
}

/** Where a key stands that an entry has from the defaults if it has none of its own. */
function inherited(entry: Keys, defaults: Keys, key: string): Keys {
  entry.value(key);
  return entry.names.includes(key) ? entry : defaults;
}
