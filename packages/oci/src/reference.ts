import { type Digest, isDigest, parseDigest, quote, splitDigest } from './digest.ts';
import { Fault } from './faults.ts';

// distribution-spec, "Pulling manifests": the grammars of <name> and of <reference> as a tag.
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
/** Clients join host and name into 255 characters at the most; a name of that length is the longest that is accepted. */
export const NAME_MAX_LENGTH = 255;

/** The grammars as texts, for schemas that are shown to others. */
export const REFERENCE_PATTERNS = { name: NAME.source, tag: TAG.source } as const;

/** A repository and one manifest in it: by tag or by digest. */
export type Reference = { repository: string; tag: string } | { repository: string; digest: Digest };

/** Whether `text` is a repository name. */
export function isRepositoryName(text: string): boolean {
  return text.length <= NAME_MAX_LENGTH && NAME.test(text);
}

/** @throws Fault NAME_INVALID */
export function parseRepositoryName(text: string): string {
  if (isRepositoryName(text)) return text;
  throw new Fault(
    'NAME_INVALID',
    `${quote(text)} is not a repository name: lower-case letters, digits and single separators ". _ -", parts joined by "/", ${NAME_MAX_LENGTH} characters at the most`,
    { name: text.slice(0, 300) },
  );
}

/** Whether `text` is a tag. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** @throws Fault TAG_INVALID */
export function parseTag(text: string): string {
  if (isTag(text)) return text;
  throw new Fault(
    'TAG_INVALID',
    `${quote(text)} is not a tag: up to 128 letters, digits, ".", "_" and "-", the first no "." or "-"`,
    { tag: text.slice(0, 200) },
  );
}

/** A tag or a digest, as it stands in `reference` of the API and in the v2 paths. @throws Fault TAG_INVALID, DIGEST_INVALID */
export function parseTagOrDigest(text: string): { tag: string } | { digest: Digest } {
  if (isDigest(text)) return { digest: text };
  return text.includes(':') ? { digest: parseDigest(text) } : { tag: parseTag(text) };
}

/**
 * `REPO:TAG` or `REPO@DIGEST`, without a registry's host.
 * @throws Fault NAME_INVALID, TAG_INVALID, DIGEST_INVALID
 */
export function parseReference(text: string): Reference {
  const at = text.indexOf('@');
  if (at >= 0) {
    return { repository: parseRepositoryName(text.slice(0, at)), digest: parseDigest(text.slice(at + 1)) };
  }
  const colon = text.lastIndexOf(':');
  if (colon < 0) {
    throw new Fault('TAG_INVALID', `${quote(text)} names no tag: write NAME:TAG or NAME@sha256:…`, {
      reference: text.slice(0, 300),
    });
  }
  return { repository: parseRepositoryName(text.slice(0, colon)), tag: parseTag(text.slice(colon + 1)) };
}

// The referrers tag schema of the distribution specification, and cosign's companions of an image.
const COMPANION = /^sha256-([0-9a-f]{64})(?:\.[a-zA-Z0-9._-]+)?$/;

/**
 * The digest that a companion tag belongs to: `sha256-<hex>` (the specification's fallback for referrers) or
 * `sha256-<hex>.sig|att|sbom…` (cosign); undefined for any other tag. A tag has no room for a whole sha512 digest, so
 * none leads back to one.
 */
export function subjectOfCompanionTag(tag: string): Digest | undefined {
  const hex = COMPANION.exec(tag)?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

/**
 * The tag under which registries without a referrers API keep the referrers of `subject`
 * (distribution-spec, "Referrers Tag Schema": 64 characters of the encoded part at the most).
 */
export function referrersTag(subject: Digest): string {
  const { algorithm, hex } = splitDigest(subject);
  return `${algorithm}-${hex.slice(0, 64)}`;
}
