import { type Descriptor, type Digest, parseManifest, parseStrictJson } from '@gantry/oci';
import { blobPath, manifestPath, type TreeSource } from '@gantry/tree';
import { z } from 'zod';
import type { FoundManifest, Repository } from '../repositories/repository.ts';
import { createManifestBytes } from '../answer/manifest-bytes.ts';
import { PackedRepository } from '../repositories/packed-repository.ts';
import { orderTags } from '../page/tag-order.ts';
import { readRepository } from '../repositories/read-repository.ts';
import { labelWords } from './label-words.ts';
import type { RepositoryWords } from './word-index.ts';

export interface WordsOptions {
  /** Of so many tags, the newest, labels are read. */
  readonly tags: number;
  /** Labels and annotations whose text is found, beside the usual ones. */
  readonly labels: readonly string[];
}

/** Manifests and configs above these sizes are not read for their labels. */
const MAX_MANIFEST_BYTES = 512 * 1024;
const MAX_CONFIG_BYTES = 512 * 1024;
/** Bytes are let go at once: what counts is made of them. */
const KEPT_BYTES = 256 * 1024;

const ImageConfig = z.object({
  config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});

/** Reads what is said of a repository. @throws Fault UNAVAILABLE, TREE_INVALID, MANIFEST_INVALID */
export type WordsReader = (name: string, digest: Digest) => Promise<RepositoryWords>;

/**
 * Reads words from the annotations of a repository's newest tags, of the first image in each that is an index, and from the
 * labels in that image's config. Older tags are looked at until one has a description. What a newer tag says counts, and of one
 * tag what the index says before what the image says.
 */
export function createWordsReader(source: TreeSource, { tags, labels }: WordsOptions): WordsReader {
  const bytes = createManifestBytes(source, KEPT_BYTES);

  const readManifest = async ({ digest, kind, size }: FoundManifest) =>
    size > MAX_MANIFEST_BYTES
      ? undefined
      : parseManifest(await bytes.read(manifestPath(kind, digest), digest, size), undefined, digest);

  const readLabels = async ({ digest, size }: Descriptor): Promise<Readonly<Record<string, string>>> => {
    const config = ImageConfig.safeParse(parseStrictJson(await bytes.read(blobPath(digest), digest, size)));
    return config.data?.config?.Labels ?? {};
  };

  /** Adds what an image or index says, under the keys that nobody has spoken of yet. */
  const collect = async (
    said: Map<string, string>,
    repository: Repository,
    found: FoundManifest,
  ): Promise<void> => {
    const manifest = await readManifest(found);
    add(said, manifest?.annotations ?? {});
    const child = manifest?.manifests
      .toSorted((a, b) => Number(isUsual(b)) - Number(isUsual(a)))
      .map(({ digest }) => repository.manifest({ digest }))
      .find((one) => one !== undefined);
    const image = child === undefined ? manifest : await readManifest(child);
    if (image !== manifest) add(said, image?.annotations ?? {});
    const config = image?.config;
    if (config !== undefined && IMAGE_CONFIGS.has(config.mediaType) && config.size <= MAX_CONFIG_BYTES)
      add(said, await readLabels(config));
  };

  return async (name, digest) => {
    const repository = new PackedRepository(await readRepository(source, name, digest));
    const said = new Map<string, string>();
    for (const tag of orderTags(repository.tagNames()).slice(0, tags)) {
      const found = repository.manifest({ tag });
      if (found !== undefined) await collect(said, repository, found);
      if (labelWords(said, labels).description !== '') break;
    }
    return { name, ...labelWords(said, labels) };
  };
}

const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);

/** Attestations stand beside images in an index; the image that most people pull tells most. */
function isUsual({ platform }: Descriptor): boolean {
  return platform?.os === 'linux' && platform.architecture === 'amd64';
}

function add(said: Map<string, string>, labels: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(labels)) if (!said.has(key)) said.set(key, value);
}
