import type { Catalog } from '@gantry/catalog';
import { type Digest, Fault, subjectOfCompanionTag } from '@gantry/oci';
import type { GateSubject } from './gate.ts';

const MANIFESTS_MAX = 1000;

/**
 * Manifests that belong to this very image, not to one of its children: behind its companion tags of that suffix, then
 * those that refer to it. Also what came after the promotion was accepted, as far as it was synced.
 * @throws Fault REQUEST_UNPROCESSABLE when there are more than 1,000: what is not looked at might say anything
 */
export async function referringManifests(
  catalog: Catalog,
  { repository, digest, companions, referrers }: GateSubject,
  suffix: 'sig' | 'att',
): Promise<readonly Digest[]> {
  const candidate = await catalog.candidates.byDigest(repository, digest);
  const tagged = [...companions, ...(candidate?.companions ?? [])].filter(
    ({ tag }) => subjectOfCompanionTag(tag) === digest && tag.endsWith(`.${suffix}`),
  );
  const known = [...new Set([...referrers, ...(candidate?.referrers ?? [])])];
  const records = await catalog.manifests.getAll(known);
  const referring = known.filter((one) => records.get(one)?.subject === digest);
  const all = [...new Set([...tagged.map((one) => one.digest), ...referring])];
  if (all.length <= MANIFESTS_MAX) return all;
  throw new Fault(
    'REQUEST_UNPROCESSABLE',
    `${all.length} manifests refer to ${digest}, and ${MANIFESTS_MAX} are the most that are looked at`,
    { digest },
  );
}
