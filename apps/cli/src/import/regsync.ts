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
import { Keys } from './read-keys.ts';
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
  const sets = place.tags === undefined ? readTagSets(entry, remarks) : [place.tags];
  const common = {
    name: place.name,
    ...registryKeys(place.host, hosts.get(place.host) ?? {}),
    ...place.keys,
    ...platformsOf(entry, remarks),
    referrers: referrersOf(entry, defaults, sets, remarks),
    ...everyOf(entry, defaults, remarks),
  };
  const external = inherited(entry, defaults, 'includeExternal');
  if (external.flag('includeExternal') === true)
    Object.assign(common, { allow: { ...allowOf(common), foreignLayers: true } });
  tellOthers(entry, [], remarks);
  return sets.map((tags) => ({ ...common, ...(Object.keys(tags).length > 0 && { tags }) }));
}

function allowOf(keys: Readonly<Record<string, unknown>>): object {
  return (keys['allow'] as object | undefined) ?? {};
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
