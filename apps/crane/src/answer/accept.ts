import { MANIFEST_KINDS, MANIFEST_MEDIA_TYPES, type ManifestKind } from '@gantry/oci';
import { LRUCache } from 'lru-cache';
import { qualityOf, readRanges } from './accept-ranges.ts';

/** Clients send few different ones, again and again; a longer one is not kept. */
const KEPT = 100;
const MAX_KEPT_LENGTH = 1024;

const known = new LRUCache<string, ReadonlySet<ManifestKind>>({ max: KEPT });

/**
 * The manifest kinds that a header Accept takes; `q=0` refuses. Which of two is liked better makes no difference: a tag has
 * one manifest.
 */
export function acceptedKinds(accept: string): ReadonlySet<ManifestKind> {
  const former = known.get(accept);
  if (former !== undefined) return former;
  const ranges = readRanges(accept);
  const kinds = new Set(MANIFEST_KINDS.filter((kind) => qualityOf(MANIFEST_MEDIA_TYPES[kind], ranges) > 0));
  if (accept.length <= MAX_KEPT_LENGTH) known.set(accept, kinds);
  return kinds;
}
