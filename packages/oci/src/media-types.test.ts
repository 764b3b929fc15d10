import {
  ACCEPT_MANIFESTS,
  isNonDistributable,
  isSchema1,
  MANIFEST_KINDS,
  MANIFEST_MEDIA_TYPES,
  manifestKind,
} from './media-types.ts';

describe('A media type', () => {
  test('of each kind of manifest leads back to the kind, also with parameters and in capitals', () => {
    for (const kind of MANIFEST_KINDS) {
      const mediaType = MANIFEST_MEDIA_TYPES[kind];
      expect(manifestKind(mediaType)).toBe(kind);
      expect(manifestKind(`${mediaType}; charset=utf-8`)).toBe(kind);
      expect(manifestKind(` ${mediaType.toUpperCase()} `)).toBe(kind);
      expect(ACCEPT_MANIFESTS.split(', ')).toContain(mediaType);
    }
  });

  test.each([
    '',
    'application/json',
    'application/octet-stream',
    'application/vnd.oci.artifact.manifest.v1+json',
    'application/vnd.docker.distribution.manifest.v1+prettyjws',
    'application/vnd.oci.image.config.v1+json',
    'constructor',
    '__proto__',
  ])('%j is of no manifest that is carried', (mediaType) => {
    expect(manifestKind(mediaType)).toBeUndefined();
  });

  test('tells schema 1 from schema 2', () => {
    expect(isSchema1('application/vnd.docker.distribution.manifest.v1+json')).toBe(true);
    expect(isSchema1('application/vnd.docker.distribution.manifest.v1+prettyjws')).toBe(true);
    expect(MANIFEST_KINDS.filter((kind) => isSchema1(MANIFEST_MEDIA_TYPES[kind]))).toEqual([]);
  });

  test('says which layers must not be distributed', () => {
    expect(isNonDistributable('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip')).toBe(true);
    expect(isNonDistributable('application/vnd.oci.image.layer.nondistributable.v1.tar+gzip')).toBe(true);
    expect(isNonDistributable('application/vnd.oci.image.layer.v1.tar+gzip')).toBe(false);
  });
});
