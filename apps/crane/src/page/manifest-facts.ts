import { type Descriptor, type Digest, parseManifest, parseStrictJson, Platform } from '@gantry/oci';
import { blobPath, manifestPath, type TreeSource } from '@gantry/tree';
import { LRUCache } from 'lru-cache';
import type { FoundManifest } from '../repositories/repository.ts';
import { createManifestBytes } from '../answer/manifest-bytes.ts';

/** What a page tells of one manifest. Immutable, as its bytes are. */
export interface ManifestFacts {
  /** Config and layers together, in bytes; 0 for an index. */
  readonly contentBytes: number;
  /** What it is, where it is no container image. */
  readonly artifactType?: string;
  /** Of the annotation of that name. */
  readonly description?: string;
  /** An image's config, where it is small enough to be read for the platform. */
  readonly config?: Descriptor;
  /** An index's images, in its order. */
  readonly children: readonly ChildFacts[];
  /** The index has more children than are told of here. */
  readonly hasMore: boolean;
}

export interface ChildFacts {
  readonly digest: Digest;
  /** `linux/arm64/v8` */
  readonly platform: string;
}

/** Reads what pages tell of manifests; each document is read once while it is remembered. */
export interface FactsReader {
  /** What is remembered; undefined: it has to be read. */
  known(digest: Digest): ManifestFacts | undefined;
  /** undefined: it is too large to be read for a page. @throws Fault UNAVAILABLE, MANIFEST_INVALID */
  read(found: FoundManifest): Promise<ManifestFacts | undefined>;
  /** The platform that an image's config tells; undefined: it tells none. */
  knownPlatform(config: Descriptor): string | undefined;
  /** @throws Fault UNAVAILABLE */
  readPlatform(config: Descriptor): Promise<string | undefined>;
}

/** Manifests and configs above these sizes are not read for a page. */
const MAX_MANIFEST_BYTES = 512 * 1024;
const MAX_CONFIG_BYTES = 128 * 1024;
const MAX_CHILDREN = 40;
const MAX_TEXT = 300;
const REMEMBERED = 10_000;
/** Bytes are let go at once: what counts is made of them. */
const KEPT_BYTES = 256 * 1024;

const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);

export function createFactsReader(source: TreeSource): FactsReader {
  const bytes = createManifestBytes(source, KEPT_BYTES);
  const facts = new LRUCache<Digest, ManifestFacts>({ max: REMEMBERED });
  const platforms = new LRUCache<Digest, string>({ max: REMEMBERED });

  return {
    known: (digest) => facts.get(digest),
    async read({ digest, kind, size }) {
      if (size > MAX_MANIFEST_BYTES) return undefined;
      const made = factsOf(await bytes.read(manifestPath(kind, digest), digest, size), digest);
      facts.set(digest, made);
      return made;
    },
    knownPlatform: ({ digest }) => platforms.get(digest),
    async readPlatform({ digest, size }) {
      const config = parseStrictJson(await bytes.read(blobPath(digest), digest, size));
      const { data } = Platform.safeParse(config);
      if (data === undefined) return undefined;
      const platform = platformText(data);
      platforms.set(digest, platform);
      return platform;
    },
  };
}

function factsOf(bytes: Uint8Array, digest: Digest): ManifestFacts {
  const manifest = parseManifest(bytes, undefined, digest);
  const { config, annotations, artifactType } = manifest;
  const isIndex = config === undefined;
  const isImage = config !== undefined && IMAGE_CONFIGS.has(config.mediaType);
  const type = isImage ? undefined : artifactType;
  const description = annotations?.['org.opencontainers.image.description'];
  const children = isIndex ? manifest.manifests.flatMap(childFacts) : [];
  return {
    contentBytes: isIndex ? 0 : manifest.blobs.reduce((total, { size }) => total + size, 0),
    children: children.slice(0, MAX_CHILDREN),
    hasMore: children.length > MAX_CHILDREN,
    ...(type !== undefined && { artifactType: shortened(type) }),
    ...(isImage && config.size <= MAX_CONFIG_BYTES && { config }),
    ...(description !== undefined && { description: shortened(description) }),
  };
}

/** Attestations of a build stand in an index beside its images, of a platform called unknown. */
function childFacts({ digest, platform }: Descriptor): readonly ChildFacts[] {
  if (platform?.os === 'unknown') return [];
  return [{ digest, platform: platform === undefined ? 'any' : platformText(platform) }];
}

function platformText({ os, architecture, variant }: Platform): string {
  return shortened([os, architecture, ...(variant ? [variant] : [])].join('/'));
}

function shortened(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`;
}
