import {
  type Descriptor,
  type Digest,
  type Manifest,
  MANIFEST_MAX_BYTES,
  parseManifest,
  platformName,
} from '@gantry/oci';
import type { Registry } from '@gantry/registry';
import type { BlobStore } from '@gantry/store';
import { z } from 'zod';
import type { PlatformFilter } from './platforms.ts';

const CONFIG_MAX_BYTES = 1024 * 1024;
const IMAGE_CONFIGS = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);
/** image-spec, annotations.md, "Pre-Defined Annotation Keys". */
const CREATED = 'org.opencontainers.image.created';

const ImageConfig = z.object({
  os: z.string().optional(),
  architecture: z.string().optional(),
  variant: z.string().optional(),
  created: z.string().optional(),
  config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});
type ImageConfig = z.infer<typeof ImageConfig>;

/** What a person, and a rule for tags, wants to know of an image at a glance. */
export interface ImageDescription {
  /** Sorted `os/architecture[/variant]`. */
  readonly platforms: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** When it was made, as it says itself. RFC 3339 in UTC. */
  readonly created?: string;
}

/** Where a manifest and its config are read from. */
export interface ImageReader {
  manifest(digest: Digest): Promise<Manifest>;
  /** @returns undefined when it has more than `maxBytes` */
  config(config: Descriptor, maxBytes: number): Promise<Buffer | undefined>;
}

/**
 * Describes an image; an artifact that is none has neither platforms nor labels. Of an index it is the first image that
 * is wanted which tells labels and time.
 */
export async function describeImage(
  reader: ImageReader,
  digest: Digest,
  wanted?: PlatformFilter,
): Promise<ImageDescription> {
  const root = await reader.manifest(digest);
  const images = root.manifests.filter(
    (child) =>
      child.platform !== undefined && child.platform.os !== 'unknown' && (wanted?.takes(child) ?? true),
  );
  const [first] = images;
  const image = first === undefined ? root : await reader.manifest(first.digest);
  const config = await readImageConfig(reader, image);
  const named =
    root.config === undefined ? images.map(({ platform }) => platform) : [config && platformOf(config)];
  const platforms = named.flatMap((platform) => (platform === undefined ? [] : [platformName(platform)]));
  const created =
    timeOf(root.annotations?.[CREATED]) ?? timeOf(image.annotations?.[CREATED]) ?? timeOf(config?.created);
  return {
    platforms: [...new Set(platforms)].toSorted(),
    labels: config?.config?.Labels ?? {},
    ...(created === undefined ? {} : { created }),
  };
}

/** Reads what was synced. */
export function storeReader(store: BlobStore): ImageReader {
  return {
    manifest: async (digest) =>
      parseManifest(await store.read(digest, MANIFEST_MAX_BYTES), undefined, digest),
    config: async ({ digest, size }, maxBytes) =>
      size > maxBytes ? undefined : store.read(digest, maxBytes),
  };
}

/** Reads at the source what may not be taken after all, and keeps none of it. */
export function sourceReader(registry: Registry, sourceRepository: string, signal: AbortSignal): ImageReader {
  return {
    async manifest(digest) {
      const { bytes, contentType } = await registry.manifest(sourceRepository, digest, { signal });
      return parseManifest(bytes, contentType, digest);
    },
    async config({ digest, size }, maxBytes) {
      if (size > maxBytes) return undefined;
      const { body } = await registry.blob(sourceRepository, digest, 0, { signal });
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (length > maxBytes) return undefined;
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    },
  };
}

/** The config of an image, as far as it is read here; undefined for what has none that can be read. */
export async function readImageConfig(
  reader: ImageReader,
  image: Manifest,
): Promise<ImageConfig | undefined> {
  if (image.config === undefined || !IMAGE_CONFIGS.has(image.config.mediaType)) return undefined;
  const bytes = await reader.config(image.config, CONFIG_MAX_BYTES);
  if (bytes === undefined) return undefined;
  try {
    return ImageConfig.safeParse(JSON.parse(bytes.toString())).data;
  } catch {
    return undefined; // a config that is not JSON is the runtime's matter, not ours
  }
}

function platformOf({ os, architecture, variant }: ImageConfig) {
  if (os === undefined || architecture === undefined) return undefined;
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** Builders write the year 1 for a time that they do not know. */
function timeOf(text: string | undefined): string | undefined {
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) || time < 0 ? undefined : new Date(time).toISOString();
}
