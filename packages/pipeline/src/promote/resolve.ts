import type { Candidate, Catalog, Companions, CompanionTag } from '@gantry/catalog';
import { type Digest, Fault, parseTagOrDigest } from '@gantry/oci';
import type { Channel } from '../context.ts';
import type { RequestedItem } from './request.ts';

/** What a reference means, fixed once and for all. */
export interface Resolved extends Companions {
  readonly digest: Digest;
}

/**
 * Looks a reference up in the channel that `to` takes from, else among the candidates. With the digest goes all that
 * belongs to it by now, also what came to its candidate after it was promoted to that channel.
 * @throws Fault REFERENCE_UNKNOWN, naming where it was looked for and what to do
 */
export async function resolveItem(catalog: Catalog, item: RequestedItem, to: Channel): Promise<Resolved> {
  const reference = parseTagOrDigest(item.reference);
  const found =
    to.from === undefined
      ? await ('tag' in reference
          ? catalog.candidates.current(item.repository, reference.tag)
          : catalog.candidates.byDigest(item.repository, reference.digest))
      : await ('tag' in reference
          ? catalog.channels.tag(to.from, item.repository, reference.tag)
          : catalog.channels.byDigest(to.from, item.repository, reference.digest));
  if (found !== undefined && 'collectedAt' in found && found.collectedAt !== undefined)
    throw givenUp(item, found);
  if (found !== undefined) {
    const { digest } = found;
    return { digest, ...(await companionsByNow(catalog, item.repository, digest, found)) };
  }
  const name =
    'tag' in reference ? `${item.repository}:${reference.tag}` : `${item.repository}@${reference.digest}`;
  const known = 'digest' in reference && (await catalog.manifests.get(reference.digest)) !== undefined;
  const advice = known
    ? 'that digest is known, but not as what a tag of this repository means: promote the index, not one of its children'
    : to.from === undefined
      ? 'sync its source first, or see `gantry candidates`'
      : `promote it to ${to.from} first`;
  throw new Fault(
    'REFERENCE_UNKNOWN',
    `${name} is not ${to.from === undefined ? 'among the candidates' : `in the channel ${to.from}`}: ${advice}`,
    { repository: item.repository, reference: item.reference },
  );
}

function givenUp(
  item: RequestedItem,
  { source, repository, tag, digest, collectedAt = '' }: Candidate,
): Fault {
  return new Fault(
    'REFERENCE_UNKNOWN',
    `the content of ${repository}:${tag} (${digest}) was given up on ${collectedAt.slice(0, 10)}, as sources[].keep of ${source} says: bring it back by \`gantry sync ${source} --repository ${repository} --tag ${tag}\``,
    { repository: item.repository, reference: item.reference, collectedAt },
  );
}

/** What belongs to an image by now: what is known to, and what its candidate has got since. */
export async function companionsByNow(
  catalog: Catalog,
  repository: string,
  digest: Digest,
  known: Companions,
): Promise<Companions> {
  const { companions, referrers } = known;
  const newest = await catalog.candidates.byDigest(repository, digest);
  const isGivenUp = newest?.collectedAt !== undefined; // what came to it later is given up, too
  return newest === undefined || isGivenUp ? { companions, referrers } : unite(known, newest);
}

/** What belongs to an image by either. A companion tag that has moved is what the newer one says. */
function unite(older: Companions, newer: Companions): Companions {
  const tags = new Map<string, CompanionTag>();
  for (const companion of [...older.companions, ...newer.companions]) tags.set(companion.tag, companion);
  return {
    companions: [...tags.values()].toSorted((a, b) => (a.tag < b.tag ? -1 : 1)),
    referrers: [...new Set([...older.referrers, ...newer.referrers])].toSorted(),
  };
}
