import type { Catalog, Companions } from '@gantry/catalog';
import { type Digest, Fault, parseTagOrDigest } from '@gantry/oci';
import type { Channel } from '../context.ts';
import type { RequestedItem } from './request.ts';

/** What a reference means, fixed once and for all. */
export interface Resolved extends Companions {
  readonly digest: Digest;
}

/**
 * Looks a reference up in the channel that `to` takes from, else among the candidates.
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
  if (found !== undefined) {
    return { digest: found.digest, companions: found.companions, referrers: found.referrers };
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
