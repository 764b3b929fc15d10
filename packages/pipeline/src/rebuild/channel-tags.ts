import type { ChannelTag, CompanionTag, Companions, ManifestRecord } from '@gantry/catalog';
import { type Digest, subjectOfCompanionTag } from '@gantry/oci';
import type { RepositoryDocument } from '@gantry/tree';
import type { Attribution } from './attribute.ts';

/**
 * The tags of a channel as a repository's document tells them, each with what goes wherever it goes: companion tags, and
 * manifests that refer to something in it. A companion tag that belongs to nothing that is tagged is a tag like any other.
 * @param records of the manifests in the document, as far as they can be had
 * @param promotedAt when a manifest came into the tree
 */
export function channelTags(
  document: RepositoryDocument,
  { channel, repository }: Attribution,
  records: ReadonlyMap<Digest, ManifestRecord>,
  promotion: string,
  promotedAt: (digest: Digest) => string,
): ChannelTag[] {
  const plain = new Map<string, Digest>();
  const companionTags = new Map<Digest, CompanionTag[]>();
  for (const [tag, digest] of document.tags) {
    const subject = subjectOfCompanionTag(tag);
    if (subject === undefined) plain.set(tag, digest);
    else companionTags.getOrInsertComputed(subject, () => []).push({ tag, digest });
  }
  const referrers = new Map<Digest, Digest[]>();
  for (const [digest, { untagged }] of document.manifests) {
    const subject = records.get(digest)?.subject;
    // What no tag reaches any more must not come back by its subject.
    if (subject !== undefined && untagged === undefined)
      referrers.getOrInsertComputed(subject, () => []).push(digest);
  }

  const found = new Map<Digest, Companions>();
  const taken = new Set<string>();
  const make = (tag: string, digest: Digest): ChannelTag => {
    const belonging = found.getOrInsertComputed(digest, () =>
      belongingTo(digest, records, companionTags, referrers),
    );
    for (const companion of belonging.companions) taken.add(companion.tag);
    return {
      channel: channel.name,
      repository,
      tag,
      digest,
      promotion,
      promotedAt: promotedAt(digest),
      ...belonging,
    };
  };
  const tags = [...plain].map(([tag, digest]) => make(tag, digest));
  for (const { tag, digest } of [...companionTags.values()].flat()) {
    if (!taken.has(tag)) tags.push(make(tag, digest));
  }
  return tags;
}

/** All that belongs to an image, and what belongs to that, until nothing new turns up. */
function belongingTo(
  image: Digest,
  records: ReadonlyMap<Digest, ManifestRecord>,
  companionTags: ReadonlyMap<Digest, readonly CompanionTag[]>,
  referrers: ReadonlyMap<Digest, readonly Digest[]>,
): Companions {
  const imageOnly = new Set(below(image, records));
  const reached = new Set(imageOnly);
  const companions = new Map<string, CompanionTag>();
  for (const digest of reached) {
    // A set that is walked gives what is added meanwhile, too.
    const tags = companionTags.get(digest) ?? [];
    for (const companion of tags) companions.set(companion.tag, companion);
    const roots = [...tags.map((companion) => companion.digest), ...(referrers.get(digest) ?? [])];
    for (const root of roots) for (const one of below(root, records)) reached.add(one);
  }
  return {
    companions: [...companions.values()].toSorted((a, b) => (a.tag < b.tag ? -1 : 1)),
    referrers: [...reached]
      .filter((digest) => {
        const subject = records.get(digest)?.subject;
        return !imageOnly.has(digest) && subject !== undefined && reached.has(subject);
      })
      .toSorted(),
  };
}

/** A manifest and all manifests below it. */
function below(root: Digest, records: ReadonlyMap<Digest, ManifestRecord>): Set<Digest> {
  const reached = new Set([root]);
  for (const digest of reached) {
    for (const child of records.get(digest)?.manifests ?? []) reached.add(child);
  }
  return reached;
}
