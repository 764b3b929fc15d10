import { Fault } from '@gantry/oci';
import { parseDuration, platformProblem } from '@gantry/service';
import {
  createRemarks,
  type Imported,
  type ImportedSource,
  type ImportedTagRules,
  type Importer,
  type Remarks,
} from './imported.ts';
import { joinSources } from './join-sources.ts';
import { isNothing, Keys } from './read-keys.ts';
import { registryKeys, type RegistrySettings } from './registry-settings.ts';
import { readCredentials } from './regsync-credentials.ts';
import { readPlace } from './regsync-place.ts';
import { readTagSets } from './regsync-tags.ts';
import { intervalOfSchedule } from './schedule.ts';
import { takesSignatureTags } from './tag-patterns.ts';

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
  const sources = file.list('sync').flatMap((entry, index) => {
    const path = ['sync', index];
    return readEntry(new Keys(entry, path), defaults, hosts, remarks).map((source) => ({
      from: path,
      entry: source,
    }));
  });
  tellOthers(defaults, INHERITED, remarks);
  // Extensions are for anchors, and `x-` marks them.
  for (const key of file.unread())
    if (!key.startsWith('x-')) remarks.lost([key], 'is not a key of regsync, and is left out');
  return { sources: joinSources(sources, remarks), remarks: remarks.all };
};

/** Tells of the keys of an entry or of the defaults that are not taken over. */
function tellOthers(keys: Keys, taken: readonly string[], remarks: Remarks): void {
  for (const key of keys.unread()) {
    if (isNothing(keys.value(key))) continue;
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
  const place = readPlace(entry, remarks);
  if (place === undefined) return [];
  const platforms = platformsOf(entry, remarks);
  tellWithoutEffect(entry, remarks);
  if (platforms === undefined) return [];
  const sets = place.tags === undefined ? readTagSets(entry, remarks) : [place.tags];
  const common = {
    name: place.name,
    ...registryKeys(place.host, hosts.get(place.host) ?? {}),
    ...place.keys,
    ...platforms,
    referrers: referrersOf(entry, defaults, sets, remarks),
    ...everyOf(entry, defaults, remarks),
  };
  const external = inherited(entry, defaults, 'includeExternal');
  if (external.flag('includeExternal') === true)
    Object.assign(common, { allow: { ...allowOf(common), foreignLayers: true } });
  tellOthers(entry, [], remarks);
  return sets.map((tags) => ({ ...common, ...(Object.keys(tags).length > 0 && { tags }) }));
}

/** Tells of rules that regsync does not look at for an entry of this type. It writes them all itself, empty. */
function tellWithoutEffect(entry: Keys, remarks: Remarks): void {
  const type = entry.text('type') ?? '';
  const others = [
    ...(type === 'image' ? ['tags', 'tagSets'] : []),
    ...(type === 'registry' ? [] : ['repos']),
  ];
  for (const key of others) {
    if (!isNothing(entry.value(key)))
      remarks.changed(entry.at(key), `does nothing in an entry of type ${type}, as in regsync`);
  }
}

function allowOf(keys: Readonly<Record<string, unknown>>): object {
  return (keys['allow'] as object | undefined) ?? {};
}

function isKnown({ platform }: { readonly platform: string }): boolean {
  return platformProblem(platform) === undefined;
}

/** The platforms that are taken of an index. @returns undefined: they can't be said, and the entry is left out */
function platformsOf(entry: Keys, remarks: Remarks): Record<string, unknown> | undefined {
  const one = entry.text('platform') ?? '';
  const several = entry.texts('platforms');
  const named =
    one === ''
      ? several.map((platform, index) => ({ platform, at: [...entry.at('platforms'), index] }))
      : [{ platform: one, at: entry.at('platform') }];
  if (one !== '' && several.length > 0)
    remarks.changed(entry.at('platforms'), 'does nothing beside platform, as in regsync');
  const known = named.filter(isKnown);
  for (const { platform, at } of named.filter((each) => !isKnown(each)))
    remarks.lost(
      at,
      `${platform} is no platform such as linux/amd64: ${known.length > 0 ? 'it' : 'the entry'} is left out`,
    );
  if (named.length === 0) return {};
  if (known.length === 0) return undefined;
  if (one !== '')
    remarks.changed(
      entry.at('platform'),
      'an index keeps its digest, and of its images only this platform is taken',
    );
  return { platforms: known.map(({ platform }) => platform) };
}

function referrersOf(
  entry: Keys,
  defaults: Keys,
  sets: readonly ImportedTagRules[],
  remarks: Remarks,
): boolean {
  const [referrers, digestTags] = ['referrers', 'digestTags'].map(
    (key) => inherited(entry, defaults, key).flag(key) ?? false,
  ) as [boolean, boolean];
  if (referrers !== digestTags) {
    const key = referrers ? 'referrers' : 'digestTags';
    remarks.changed(
      inherited(entry, defaults, key).at(key),
      'referrers come by their API and by tags such as sha256-….sig alike',
    );
  }
  if (referrers || digestTags) return true;
  const areTaken = sets.some(takesSignatureTags);
  if (areTaken) remarks.changed(entry.path, 'tags such as sha256-….sig come with their image, as referrers');
  return areTaken;
}

/** A text that is there and says something. */
function said(keys: Keys, key: string): string | undefined {
  return isNothing(keys.value(key)) ? undefined : keys.text(key);
}

function everyOf(entry: Keys, defaults: Keys, remarks: Remarks): Record<string, unknown> {
  const own = ['schedule', 'interval'].some((key) => said(entry, key) !== undefined) ? entry : defaults;
  const [schedule, interval] = [said(own, 'schedule'), said(own, 'interval')];
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
