import { setTimeout as pause } from 'node:timers/promises';
import { type Digest, subjectOfCompanionTag } from '@gantry/oci';
import type { ManifestHead } from '@gantry/registry';
import type { RepositorySync } from './repository-sync.ts';

/** A tag that its registry told of. */
export interface AnnouncedTag {
  readonly tag: string;
  /** What it is to mean, if that was told. */
  readonly digest?: Digest;
}

/** Between two looks; some 4 s in all. */
const PAUSES_MS = [100, 300, 1000, 3000];

/**
 * Looks for the tags that the registry told of, as far as they are wanted. Distribution tells of a push once the manifest is
 * there, and sets the tag after that: who is quick finds none, or what it meant before. So such a tag is looked at again.
 * @returns what each means, as it is found out; nothing for one that did not come
 */
export async function readAnnounced(
  sync: RepositorySync,
): Promise<ReadonlyMap<string, Promise<ManifestHead | undefined>>> {
  const heads = new Map<string, Promise<ManifestHead | undefined>>();
  const companions: Promise<unknown>[] = [];
  for (const one of sync.announced ?? []) {
    const isCompanion = subjectOfCompanionTag(one.tag) !== undefined;
    if (!isCompanion && !sync.source.tags.judge(one.tag).take) continue;
    const head = lookUntilThere(sync, one);
    head.catch(() => undefined); // told when the tag has its turn
    heads.set(one.tag, head);
    if (isCompanion) companions.push(head);
  }
  await Promise.allSettled(companions); // the tags that they belong to ask for them
  return heads;
}

async function lookUntilThere(
  { source, sourceRepository, signal }: RepositorySync,
  { tag, digest }: AnnouncedTag,
): Promise<ManifestHead | undefined> {
  const look = () => source.registry.head(sourceRepository, tag, { signal });
  for (const pauseMs of PAUSES_MS) {
    const found = await look();
    if (found !== undefined && (digest === undefined || found.digest === digest)) return found;
    await pause(pauseMs, undefined, { signal });
  }
  return look(); // it may have been moved on
}
