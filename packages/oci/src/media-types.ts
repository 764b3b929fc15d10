/** The media types of manifests that Gantry carries, by the short name that the published tree uses. */
export const MANIFEST_MEDIA_TYPES = {
  'oci-manifest': 'application/vnd.oci.image.manifest.v1+json',
  'oci-index': 'application/vnd.oci.image.index.v1+json',
  'docker-manifest': 'application/vnd.docker.distribution.manifest.v2+json',
  'docker-list': 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const;

export type ManifestKind = keyof typeof MANIFEST_MEDIA_TYPES;
export const MANIFEST_KINDS = Object.keys(MANIFEST_MEDIA_TYPES) as readonly ManifestKind[];

const KIND_BY_MEDIA_TYPE: ReadonlyMap<string, ManifestKind> = new Map(
  MANIFEST_KINDS.map((kind) => [MANIFEST_MEDIA_TYPES[kind], kind]),
);

/** The kind of a manifest's media type; undefined for one that is not carried (parameters as `; charset=` are ignored). */
export function manifestKind(mediaType: string): ManifestKind | undefined {
  return KIND_BY_MEDIA_TYPE.get((mediaType.split(';', 1)[0] ?? '').trim().toLowerCase());
}

/** Whether the media type is that of a schema 1 manifest, whose digest is not that of its bytes. */
export function isSchema1(mediaType: string): boolean {
  return mediaType.startsWith('application/vnd.docker.distribution.manifest.v1+');
}

/** Whether a layer of this media type may lie elsewhere (`urls`) and must not be distributed without being asked for. */
export function isNonDistributable(mediaType: string): boolean {
  return mediaType.includes('.nondistributable.') || mediaType.includes('.rootfs.foreign.');
}

/** What a client sends as `Accept` to be given any manifest as it is. */
export const ACCEPT_MANIFESTS = MANIFEST_KINDS.map((kind) => MANIFEST_MEDIA_TYPES[kind]).join(', ');

/** The largest manifest that is accepted, in bytes: the least that a registry must take (distribution-spec, "Pushing manifests"). */
export const MANIFEST_MAX_BYTES = 4 * 1024 * 1024;
