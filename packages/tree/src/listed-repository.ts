import { type Digest, isTag, MANIFEST_KINDS } from '@gantry/oci';
import { type BlobEntry, type ManifestEntry, TREE_FORMAT } from './documents.ts';

/** The entries of a map, in the order of their keys. */
export type SortedEntries<K, V> = readonly (readonly [K, V])[];

/** A repository document's maps as lists. */
export interface ListedRepository {
  readonly name: string;
  readonly tags: SortedEntries<string, Digest>;
  readonly manifests: SortedEntries<Digest, ManifestEntry>;
  readonly blobs: SortedEntries<Digest, BlobEntry>;
  readonly referrers: SortedEntries<Digest, Digest>;
}

const DIGEST = '(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})';
/** Up to 15 digits, so that the number is exact. */
const COUNT = '(0|[1-9][0-9]{0,14})';
const SERIAL = '([1-9][0-9]{0,14})';
/** Printable ASCII without an escape. */
const TEXT = '"([ !#-\\[\\]-~]*)"';
const ENTRY = `"since":${SERIAL},"size":${COUNT}`;
const [NAME, TAG, MANIFEST, BLOB, REFERRER] = [
  TEXT,
  `${TEXT}:"${DIGEST}"`,
  `"${DIGEST}":\\{"kind":${TEXT},${ENTRY}(?:,"untagged":${TEXT})?\\}`,
  `"${DIGEST}":\\{${ENTRY}\\}`,
  `"${DIGEST}":"${DIGEST}"`,
].map((pattern) => new RegExp(pattern, 'y')) as [RegExp, RegExp, RegExp, RegExp, RegExp];

/**
 * Reads a repository document that is written as a publisher writes it: canonical JSON (RFC 8785) of ASCII, with the known
 * members only, no map in parts. JSON.parse, and a Map as well, have V8 enter each name into its table of all strings, which
 * is given back when the whole heap was marked: who reads thousands of documents and keeps none pays several times their size.
 * @returns undefined for one that is written otherwise, which may still be right
 */
export function readListedRepository(bytes: Uint8Array): ListedRepository | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  let at = 0;
  let isPlain = true;

  const skip = (literal: string): void => {
    if (!text.startsWith(literal, at)) isPlain = false;
    at += literal.length;
  };
  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const groups = isPlain ? pattern.exec(text) : null;
    if (groups === null) isPlain = false;
    else at = pattern.lastIndex;
    return groups ?? undefined;
  };
  const entries = <K extends string, V>(
    pattern: RegExp,
    read: (groups: RegExpExecArray) => readonly [K, V] | undefined,
  ): SortedEntries<K, V> => {
    const list: (readonly [K, V])[] = [];
    skip('{');
    for (let last = ''; isPlain && text[at] !== '}';) {
      if (list.length > 0) skip(',');
      const groups = match(pattern);
      const entry = groups && read(groups);
      if (entry === undefined || entry[0] <= last) isPlain = false;
      else {
        list.push(entry);
        last = entry[0];
      }
    }
    skip('}');
    return list;
  };

  skip('{"blobs":');
  const blobs = entries(BLOB, readBlob);
  skip(',"channel":');
  match(NAME);
  skip(`,"format":${TREE_FORMAT},"manifests":`);
  const manifests = entries(MANIFEST, readManifest);
  skip(',"name":');
  const name = match(NAME)?.[1] ?? '';
  skip(',"referrers":');
  const referrers = entries(REFERRER, readReferrer);
  skip(',"tags":');
  const tags = entries(TAG, readTag);
  skip('}');
  return isPlain && at === text.length ? { name, tags, manifests, blobs, referrers } : undefined;
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
