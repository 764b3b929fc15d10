import { z } from 'zod';
import { type Digest, digestOf, isDigest, quote } from './digest.ts';
import { asFault, Fault } from './faults.ts';
import {
  isNonDistributable,
  isSchema1,
  MANIFEST_MAX_BYTES,
  MANIFEST_MEDIA_TYPES,
  type ManifestKind,
  manifestKind,
} from './media-types.ts';
import { parseStrictJson } from './strict-json.ts';

const Annotations = z.record(z.string(), z.string());

/** image-spec, image-index.md, "platform". */
export const Platform = z.object({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().optional(),
  'os.version': z.string().optional(),
});
export type Platform = z.infer<typeof Platform>;

/** image-spec, descriptor.md. Members that Gantry does not use are left out; the bytes keep them. */
export const Descriptor = z.object({
  mediaType: z.string().min(1),
  digest: z.string().refine(isDigest, 'not a sha256 or sha512 digest'),
  size: z.int().nonnegative(),
  urls: z.array(z.string()).optional(),
  annotations: Annotations.optional(),
  platform: Platform.optional(),
  artifactType: z.string().optional(),
});
export type Descriptor = z.infer<typeof Descriptor>;

const ImageBody = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  config: Descriptor,
  layers: z.array(Descriptor),
  subject: Descriptor.optional(),
  annotations: Annotations.optional(),
});

const IndexBody = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  manifests: z.array(Descriptor),
  subject: Descriptor.optional(),
  annotations: Annotations.optional(),
});

/** What Gantry needs to know of a manifest. Its bytes are kept and served as they came. */
export interface Manifest {
  readonly digest: Digest;
  readonly kind: ManifestKind;
  /** Of the bytes. */
  readonly size: number;
  /** As the referrers API tells it: the manifest's own `artifactType`, else the media type of its config. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** What this manifest refers to (a signature's image). It need not exist. */
  readonly subject?: Digest;
  /** An image's config; absent in an index. */
  readonly config?: Descriptor;
  /** Child manifests of an index, in its order. */
  readonly manifests: readonly Descriptor[];
  /** Config first, then layers in order; for an index, entries that are no manifests. */
  readonly blobs: readonly Descriptor[];
}

/**
 * Reads a manifest's bytes.
 * @param contentType what the registry sent as Content-Type, if anything; it must not contradict the body
 * @param digest of the bytes, when it is known already
 * @throws Fault MANIFEST_INVALID, naming what is wrong and what to do
 */
export function parseManifest(
  bytes: Uint8Array,
  contentType?: string,
  digest: Digest = digestOf(bytes),
): Manifest {
  if (bytes.length > MANIFEST_MAX_BYTES) {
    throw invalid(
      digest,
      `it has ${bytes.length} bytes, and ${MANIFEST_MAX_BYTES} are the most that is accepted`,
    );
  }
  const value = parseJson(bytes, digest);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(digest, 'it is not a JSON object');
  const kind = kindOf(value, contentType, digest);
  const isIndex = kind === 'oci-index' || kind === 'docker-list';
  const contradiction = isIndex ? ['layers', 'config'] : ['manifests'];
  const found = contradiction.find((member) => Object.hasOwn(value, member));
  if (found !== undefined)
    throw invalid(digest, `it is ambiguous: of kind ${kind}, with ${quote(found)} too`);

  if (isIndex) {
    const body = read(IndexBody, value, digest);
    for (const child of body.manifests) {
      if (isSchema1(child.mediaType))
        throw invalid(digest, `it lists ${child.digest}, a schema 1 manifest: ${SCHEMA1_ADVICE}`);
    }
    const isManifest = (child: Descriptor) => manifestKind(child.mediaType) !== undefined;
    return {
      ...common(body, body.artifactType),
      digest,
      kind,
      size: bytes.length,
      manifests: body.manifests.filter(isManifest),
      // A build cache is an index whose entries are layers.
      blobs: body.manifests.filter((child) => !isManifest(child)),
    };
  }
  const body = read(ImageBody, value, digest);
  return {
    ...common(body, body.artifactType ?? body.config.mediaType),
    digest,
    kind,
    size: bytes.length,
    config: body.config,
    manifests: [],
    blobs: [body.config, ...body.layers],
  };
}

function parseJson(bytes: Uint8Array, digest: Digest): unknown {
  try {
    return parseStrictJson(bytes);
  } catch (cause) {
    throw invalid(digest, asFault(cause).message, { cause });
  }
}

const SCHEMA1_ADVICE =
  'build or push the image again with a current client, as schema 1 can not be published by digest';

/** The members that images and indexes share, absent ones left out. */
function common(
  body: { annotations?: Record<string, string> | undefined; subject?: Descriptor | undefined },
  artifactType?: string,
) {
  return {
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(body.annotations === undefined ? {} : { annotations: body.annotations }),
    ...(body.subject === undefined ? {} : { subject: body.subject.digest }),
  };
}

/** The kind by the body's mediaType, else by Content-Type, else (the body's mediaType is optional in OCI) by its members. */
function kindOf(value: object, contentType: string | undefined, digest: Digest): ManifestKind {
  const { mediaType: stated, schemaVersion } = value as { mediaType?: unknown; schemaVersion?: unknown };
  if (stated !== undefined && typeof stated !== 'string')
    throw invalid(digest, 'its mediaType is not a string');
  const sent = contentType === undefined ? undefined : manifestKind(contentType);
  if (schemaVersion === 1 || isSchema1(stated ?? '') || isSchema1(contentType ?? '')) {
    throw invalid(digest, `it is a schema 1 manifest: ${SCHEMA1_ADVICE}`);
  }
  if (stated !== undefined) {
    const said = manifestKind(stated);
    if (said === undefined)
      throw invalid(digest, `its mediaType ${quote(stated)} is none that is carried (${CARRIED})`);
    if (sent !== undefined && sent !== said) {
      throw invalid(
        digest,
        `its mediaType is ${MANIFEST_MEDIA_TYPES[said]}, but it came as ${MANIFEST_MEDIA_TYPES[sent]}`,
      );
    }
    return said;
  }
  if (sent !== undefined) return sent;
  if (Object.hasOwn(value, 'manifests')) return 'oci-index';
  if (Object.hasOwn(value, 'config')) return 'oci-manifest';
  throw invalid(
    digest,
    `it came as ${quote(contentType ?? 'no Content-Type')} and is of no kind that is carried (${CARRIED})`,
  );
}

const CARRIED = Object.values(MANIFEST_MEDIA_TYPES).join(', ');

function read<T>(schema: z.ZodType<T>, value: unknown, digest: Digest): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw invalid(digest, `at ${quote(issue?.path.join('.') ?? '')}: ${issue?.message ?? 'not as specified'}`);
}

function invalid(digest: Digest, why: string, options?: ErrorOptions): Fault {
  return new Fault('MANIFEST_INVALID', `the manifest ${digest} is refused: ${why}`, { digest }, options);
}

/** Whether a layer's bytes lie elsewhere, by its media type, so that they are not fetched unless allowed. */
export function isForeign(blob: Descriptor): boolean {
  return isNonDistributable(blob.mediaType);
}

/** `linux/amd64`, `linux/arm/v7`. */
export function platformName(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant]
    .filter((part) => part !== undefined && part !== '')
    .join('/');
}
