import type { Companions } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';

/** An image's own digest, and those of all that goes with it. */
export function rootsOf({
  digest,
  companions,
  referrers,
}: Companions & { readonly digest: Digest | null }): Digest[] {
  if (digest === null) return [];
  return [digest, ...companions.map((companion) => companion.digest), ...referrers];
}
