import type { Candidate, Catalog, ChannelTag, NamingManifest, Page, PageRequest } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';

/** The beginning of a list, and whether there is more of it. */
export interface Beginning<T> {
  readonly items: readonly T[];
  readonly more: boolean;
}

/** Where a digest is used. */
export interface Uses {
  /** Manifests that name it as their child or as their blob. */
  readonly manifests: Beginning<NamingManifest>;
  /** Manifests whose subject it is. */
  readonly referrers: Beginning<Digest>;
  /** Those that have it, or something that contains it, as theirs or among what goes with them. */
  readonly candidates: Beginning<Candidate>;
  /** Tags of channels that have it, likewise. */
  readonly channels: Beginning<ChannelTag>;
}

/** How many manifests above a digest are looked at: a base layer is in thousands. */
const CONTAINERS_MAX = 100;
/** How many manifests that name one are read. */
const NAMING_MAX = 1000;

/** Where a digest is used, upwards through all that contains it. @param limit how long each list may be */
export async function findUses(catalog: Catalog, digest: Digest, limit: number): Promise<Uses> {
  const naming = await catalog.manifests.naming(digest, { limit: NAMING_MAX });
  const above = await containersOf(catalog, digest, naming);
  const list = (wanted: readonly NamingManifest[]) => beginning(wanted, limit, naming.next !== null);
  const referring = naming.items.filter(({ as }) => as === 'subject');
  const referrers = list(referring);
  const [candidates, channels] = await Promise.all([
    holding(
      above,
      limit,
      (one, page) => catalog.candidates.holding(one, page),
      ({ source, repository, tag, digest: own }) => [source, repository, tag, own],
    ),
    holding(
      above,
      limit,
      (one, page) => catalog.channels.holding(one, page),
      ({ channel, repository, tag }) => [channel, repository, tag],
    ),
  ]);
  return {
    manifests: list(naming.items.filter(({ as }) => as !== 'subject')),
    referrers: { items: referrers.items.map((one) => one.digest), more: referrers.more },
    candidates,
    channels,
  };
}

/** The digest itself and what contains it, nearest first; `more`: as far as it was looked. */
async function containersOf(
  catalog: Catalog,
  digest: Digest,
  own: Page<NamingManifest>,
): Promise<Beginning<Digest>> {
  const containers = new Set([digest]);
  let more = false;
  // A set that grows is walked to its end.
  for (const one of containers) {
    const { items, next } = one === digest ? own : await catalog.manifests.naming(one, { limit: NAMING_MAX });
    more ||= next !== null;
    for (const { digest: container, as } of items) {
      if (as === 'subject' || containers.has(container)) continue;
      if (containers.size < CONTAINERS_MAX) containers.add(container);
      else more = true;
    }
  }
  return { items: [...containers], more };
}

async function holding<T>(
  containers: Beginning<Digest>,
  limit: number,
  read: (digest: Digest, page: PageRequest) => Promise<Page<T>>,
  keyOf: (item: T) => readonly string[],
): Promise<Beginning<T>> {
  const found = new Map<string, T>();
  let { more } = containers;
  for (const digest of containers.items) {
    const { items, next } = await read(digest, { limit });
    for (const item of items) found.set(JSON.stringify(keyOf(item)), item);
    more ||= next !== null;
    if (found.size > limit) break;
  }
  return beginning([...found.values()], limit, more);
}

function beginning<T>(items: readonly T[], limit: number, more: boolean): Beginning<T> {
  return { items: items.slice(0, limit), more: more || items.length > limit };
}
