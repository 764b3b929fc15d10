import { MANIFEST_KINDS, MANIFEST_MEDIA_TYPES, type ManifestKind } from '@gantry/oci';
import { LRUCache } from 'lru-cache';

/** Clients send few different ones, again and again; a longer one is not kept. */
const KEPT = 100;
const MAX_KEPT_LENGTH = 1024;

const known = new LRUCache<string, ReadonlySet<ManifestKind>>({ max: KEPT });

/**
 * The manifest kinds that a header Accept takes (RFC 9110, section 12.5.1): of the ranges that fit a type the closest
 * counts, and `q=0` refuses. Which of two is liked better makes no difference: a tag has one manifest. Several header lines are
 * one, joined by commas.
 */
export function acceptedKinds(accept: string): ReadonlySet<ManifestKind> {
  const former = known.get(accept);
  if (former !== undefined) return former;
  const ranges = accept.split(',').map(readRange);
  const kinds = new Set(MANIFEST_KINDS.filter((kind) => isAccepted(MANIFEST_MEDIA_TYPES[kind], ranges)));
  if (accept.length <= MAX_KEPT_LENGTH) known.set(accept, kinds);
  return kinds;
}

interface Range {
  readonly type: string;
  readonly isRefused: boolean;
}

function readRange(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  return { type, isRefused: parameters.some((parameter) => /^q\s*=\s*0(?:\.0{0,3})?$/.test(parameter)) };
}

function isAccepted(mediaType: string, ranges: readonly Range[]): boolean {
  for (const wanted of [mediaType, 'application/*', '*/*']) {
    const fitting = ranges.filter(({ type }) => type === wanted);
    if (fitting.length > 0) return fitting.some(({ isRefused }) => !isRefused);
  }
  return false;
}
