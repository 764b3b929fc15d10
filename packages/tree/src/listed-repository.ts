import { type Digest, isTag, MANIFEST_KINDS } from '@gantry/oci';
import { type BlobEntry, type ManifestEntry, TREE_FORMAT } from './documents.ts';
import { DIGEST_PATTERN, PlainJson, type SortedEntries, TEXT_PATTERN } from './plain-json.ts';

/** A repository document's maps as lists. */
export interface ListedRepository {
  readonly name: string;
  readonly tags: SortedEntries<string, Digest>;
  readonly manifests: SortedEntries<Digest, ManifestEntry>;
  readonly blobs: SortedEntries<Digest, BlobEntry>;
  readonly referrers: SortedEntries<Digest, Digest>;
}

/** Up to 15 digits, so that the number is exact. */
const COUNT = '(0|[1-9][0-9]{0,14})';
const SERIAL = '([1-9][0-9]{0,14})';
const ENTRY = `"since":${SERIAL},"size":${COUNT}`;
const [NAME, TAG, MANIFEST, BLOB, REFERRER] = [
  TEXT_PATTERN,
  `${TEXT_PATTERN}:"${DIGEST_PATTERN}"`,
  `"${DIGEST_PATTERN}":\\{"kind":${TEXT_PATTERN},${ENTRY}(?:,"untagged":${TEXT_PATTERN})?\\}`,
  `"${DIGEST_PATTERN}":\\{${ENTRY}\\}`,
  `"${DIGEST_PATTERN}":"${DIGEST_PATTERN}"`,
].map((pattern) => new RegExp(pattern, 'y')) as [RegExp, RegExp, RegExp, RegExp, RegExp];

/**
 * Reads a repository document that is written as a publisher writes it, with the known members only and no map in parts.
 * @returns undefined for one that is written otherwise, which may still be right
 */
export function readListedRepository(bytes: Uint8Array): ListedRepository | undefined {
  const json = new PlainJson(bytes);
  json.skip('{"blobs":');
  const blobs = json.entries(BLOB, readBlob);
  json.skip(',"channel":');
  json.match(NAME);
  json.skip(`,"format":${TREE_FORMAT},"manifests":`);
  const manifests = json.entries(MANIFEST, readManifest);
  json.skip(',"name":');
  const name = json.match(NAME)?.[1] ?? '';
  json.skip(',"referrers":');
  const referrers = json.entries(REFERRER, readReferrer);
  json.skip(',"tags":');
  const tags = json.entries(TAG, readTag);
  json.skip('}');
  return json.isRead ? { name, tags, manifests, blobs, referrers } : undefined;
}

function readBlob([, digest, since, size]: RegExpExecArray): readonly [Digest, BlobEntry] {
  return [digest as Digest, { size: Number(size), since: Number(since) }];
}

function readManifest([, digest, name, since, size, untagged]: RegExpExecArray) {
  const kind = MANIFEST_KINDS.find((known) => known === name);
  if (kind === undefined) return undefined;
  const entry = {
    kind,
    size: Number(size),
    since: Number(since),
    ...(untagged !== undefined && { untagged }),
  };
  return [digest as Digest, entry] as const;
}

function readReferrer([, subject, referrers]: RegExpExecArray): readonly [Digest, Digest] {
  return [subject as Digest, referrers as Digest];
}

function readTag([, tag = '', digest]: RegExpExecArray): readonly [string, Digest] | undefined {
  return isTag(tag) ? [tag, digest as Digest] : undefined;
}
