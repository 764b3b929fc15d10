import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CatalogEntry, ManifestRecord, PoolObject } from '@gantry/catalog';
import { type Digest, digestOf, splitDigest } from '@gantry/oci';
import { blobPath, manifestPath, type RepositoryDocument } from '@gantry/tree';
import { candidateAt, channelTagAt } from './catalog-content.ts';

// What a tree of any size holds when publications are measured: the same each time. A tag is an image of a config and a
// layer of its own, and of a base layer that all of its repository share.

export interface Size {
  readonly repositories: number;
  /** Of each repository. */
  readonly tags: number;
}

/** A repository with the images of its tags. */
export interface Filled {
  readonly name: string;
  readonly images: readonly ManifestRecord[];
}

export const tagAt = (tag: number) => `v1.${tag}`;
export const nameAt = (repository: number) => `group-${repository % 97}/app-${repository}`;

/** Images that are in the store, and in no tree yet: one for each round of a measurement. */
export const freshAt = (round: number): ManifestRecord => imageOf('fresh', `fresh ${round}`);

export function* filled({ repositories, tags }: Size): Generator<Filled> {
  for (let number = 0; number < repositories; number++) {
    const images = Array.from({ length: tags }, (_, tag) => imageOf(`${number}`, `${number} ${tag}`));
    yield { name: nameAt(number), images };
  }
}

function imageOf(repository: string, image: string): ManifestRecord {
  const texts = [`config ${image}`, `base ${repository}`, `layer ${image}`];
  return {
    digest: digestOf(`manifest ${image}`),
    kind: 'oci-manifest',
    size: `manifest ${image}`.length,
    manifests: [],
    blobs: texts.map((text) => ({ digest: digestOf(text), size: text.length })),
  };
}

/** Every file of an image, by its digest. */
function textsOf(repository: string, image: string): string[] {
  return [`manifest ${image}`, `config ${image}`, `base ${repository}`, `layer ${image}`];
}

/** Puts the files of all images into a store's folder, not synced to disk. @returns how many there are */
export function fillStore(pathOf: (digest: Digest) => string, size: Size, rounds: number): number {
  const made = new Set<string>();
  let count = 0;
  const put = (text: string) => {
    const path = pathOf(digestOf(text));
    if (!made.has(dirname(path))) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    made.add(dirname(path));
    try {
      const file = openSync(path, 'wx', 0o444);
      writeSync(file, text);
      closeSync(file);
      count++;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  };
  for (let number = 0; number < size.repositories; number++) {
    for (let tag = 0; tag < size.tags; tag++)
      for (const text of textsOf(`${number}`, `${number} ${tag}`)) put(text);
  }
  for (let round = 0; round < rounds; round++)
    for (const text of textsOf('fresh', `fresh ${round}`)) put(text);
  return count;
}

/** All that a catalog needs for these images to stand in the channel, and for the fresh ones to be promoted to `target`. */
export async function* publishEntries(
  size: Size,
  rounds: number,
  target: string,
): AsyncGenerator<CatalogEntry> {
  const fresh = Array.from({ length: rounds }, (_, round) => freshAt(round));
  for (const record of fresh) yield { noun: 'manifests', record };
  for (const { images } of filled(size)) for (const record of images) yield { noun: 'manifests', record };
  for (const [round, { digest }] of fresh.entries()) {
    const record = { ...candidateAt(target, round), tag: `fresh-${round}`, digest };
    yield { noun: 'candidates', record };
  }
  for (const { name, images } of filled(size)) {
    for (const [tag, { digest }] of images.entries()) {
      yield { noun: 'channels', record: { ...channelTagAt(name, tag), tag: tagAt(tag), digest } };
    }
  }
}

/** A repository's document, as of serial 1. */
export function documentOf({ name, images }: Filled): RepositoryDocument {
  const tags = new Map(images.map(({ digest }, tag) => [tagAt(tag), digest]));
  const manifests = new Map(images.map(({ digest, kind, size }) => [digest, { kind, size, since: 1 }]));
  const blobs = new Map(
    images.flatMap((image) => image.blobs.map(({ digest, size }) => [digest, { size, since: 1 }])),
  );
  return { name, channel: 'stable', tags, manifests, blobs, referrers: new Map() };
}

/** The objects of a repository in the pool. */
export function* objectsOf({ images }: Filled): Generator<PoolObject> {
  const blobs = new Set<Digest>();
  for (const image of images) {
    yield objectAt(manifestPath(image.kind, image.digest), image.digest, image.size);
    for (const { digest, size } of image.blobs) {
      if (blobs.has(digest)) continue;
      blobs.add(digest);
      yield objectAt(blobPath(digest), digest, size);
    }
  }
}

function objectAt(path: string, digest: Digest, size: number): PoolObject {
  return { path, size, sha256: splitDigest(digest).hex, since: 1 };
}
