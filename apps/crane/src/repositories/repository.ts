import type { Digest, ManifestKind } from '@gantry/oci';
import type { BlobEntry } from '@gantry/tree';
import type { Reference } from '../answer/route.ts';

/** What the crane knows of one published repository. */
export interface Repository {
  readonly state: 'known';
  /** It is the last good state of one that can't be read just now: what it lacks may have come since. */
  readonly isFormer: boolean;
  /** The manifest of a tag or a digest, with its digest. */
  manifest(reference: Reference): FoundManifest | undefined;
  blob(digest: Digest): BlobEntry | undefined;
  /** The digest of the subject's referrers document. */
  referrers(subject: Digest): Digest | undefined;
  /** All tags, in the order of their code units. */
  tagNames(): readonly string[];
  /** The same, in memory of its own: it holds beyond the present turn. */
  kept(): Repository;
}

/** A manifest that a reference leads to. */
export interface FoundManifest {
  readonly digest: Digest;
  readonly kind: ManifestKind;
  readonly size: number;
  readonly since: number;
}

/** What is known of the name in a request. */
export type Lookup =
  | Repository
  /** Proven: root and shard were read, and do not name it. Or nothing is published yet. */
  | { readonly state: 'absent' }
  /** Its document, or the way to it, can't be read. */
  | { readonly state: 'unreadable' }
  /** The serial that was asked for is none of the tree's, or is kept no more. */
  | { readonly state: 'not kept'; readonly serial: number };
