import { type Digest, type Manifest, MANIFEST_MAX_BYTES, parseManifest, platformName } from '@gantry/oci';
import type { BlobStore } from '@gantry/store';
import { z } from 'zod';

const CONFIG_MAX_BYTES = 1024 * 1024;
const IMAGE_CONFIGS = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);

const ImageConfig = z.object({
  os: z.string().optional(),
  architecture: z.string().optional(),
  variant: z.string().optional(),
  config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});

/** What a person wants to know of a candidate at a glance. */
export interface ImageDescription {
  readonly platforms: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** Reads platforms and labels of a manifest that is in the store; an artifact that is no image has neither. */
export async function describeImage(store: BlobStore, digest: Digest): Promise<ImageDescription> {
  const root = await readManifest(store, digest);
  if (root.config !== undefined) return describeConfig(store, root);
  const images = root.manifests.filter(({ platform }) => platform !== undefined && platform.os !== 'unknown');
  const first = images[0];
  return {
    platforms: [
      ...new Set(images.flatMap(({ platform }) => (platform === undefined ? [] : [platformName(platform)]))),
    ].toSorted(),
    labels:
      first === undefined
        ? {}
        : (await describeConfig(store, await readManifest(store, first.digest))).labels,
  };
}

async function readManifest(store: BlobStore, digest: Digest): Promise<Manifest> {
  return parseManifest(await store.read(digest, MANIFEST_MAX_BYTES), undefined, digest);
}

async function describeConfig(store: BlobStore, image: Manifest): Promise<ImageDescription> {
  const nothing = { platforms: [], labels: {} };
  if (
    image.config === undefined ||
    !IMAGE_CONFIGS.has(image.config.mediaType) ||
    image.config.size > CONFIG_MAX_BYTES
  ) {
    return nothing;
  }
  let json: unknown;
  try {
    json = JSON.parse((await store.read(image.config.digest, CONFIG_MAX_BYTES)).toString());
  } catch (error) {
    if (error instanceof SyntaxError) return nothing; // a config that is not JSON is the runtime's matter, not ours
    throw error;
  }
  const { data: config } = ImageConfig.safeParse(json);
  if (config === undefined) return nothing;
  const { os, architecture, variant } = config;
  const platform =
    os === undefined || architecture === undefined
      ? []
      : [platformName({ os, architecture, ...(variant === undefined ? {} : { variant }) })];
  return { platforms: platform, labels: config.config?.Labels ?? {} };
}
