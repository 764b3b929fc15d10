import * as fc from 'fast-check';
import { digestOf } from './digest.ts';
import { faultOf } from './fault-of.ts';
import { isForeign, parseManifest, platformName } from './manifest.ts';
import {
  MANIFEST_KINDS,
  MANIFEST_MAX_BYTES,
  MANIFEST_MEDIA_TYPES,
  type ManifestKind,
} from './media-types.ts';

const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const OCTETS = 'application/octet-stream';
const image = MANIFEST_MEDIA_TYPES['oci-manifest'];
const index = MANIFEST_MEDIA_TYPES['oci-index'];

const descriptor = (mediaType: string, content: string, more: object = {}) => ({
  mediaType,
  digest: digestOf(content),
  size: content.length,
  ...more,
});
const imageBody = (more: object = {}) => ({
  schemaVersion: 2,
  mediaType: image,
  config: descriptor(CONFIG, 'config'),
  layers: [descriptor(LAYER, 'layer 1'), descriptor(LAYER, 'layer 2')],
  ...more,
});
const indexBody = (more: object = {}) => ({
  schemaVersion: 2,
  mediaType: index,
  manifests: [
    descriptor(image, 'amd64', { platform: { os: 'linux', architecture: 'amd64' } }),
    descriptor(image, 'arm', { platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }),
  ],
  ...more,
});
const bytesOf = (body: unknown) => Buffer.from(JSON.stringify(body));
const isIndex = (kind: ManifestKind) => kind === 'oci-index' || kind === 'docker-list';

/** A manifest of so many bytes. */
function padded(size: number): Buffer {
  const bytes = bytesOf(imageBody());
  return Buffer.concat([bytes, Buffer.alloc(size - bytes.length, ' ')]);
}

/** What the refusal of these bytes looks like: by their digest, and why. */
const refusal = (bytes: Uint8Array, why: string) =>
  expect.objectContaining({
    code: 'MANIFEST_INVALID',
    message: expect.stringContaining(why) as string,
    details: { digest: digestOf(bytes) },
  }) as Error;

describe('A manifest', () => {
  test('of an image names its config and its layers, in this order', () => {
    const bytes = bytesOf(imageBody({ annotations: { a: 'b' } }));
    const manifest = parseManifest(bytes, image);
    expect(manifest).toMatchObject({ kind: 'oci-manifest', digest: digestOf(bytes), size: bytes.length });
    expect(manifest.blobs.map(({ digest }) => digest)).toEqual(
      ['config', 'layer 1', 'layer 2'].map((c) => digestOf(c)),
    );
    expect(manifest.config?.digest).toBe(digestOf('config'));
    expect(manifest.manifests).toEqual([]);
    expect(manifest.artifactType).toBe(CONFIG);
    expect(manifest.annotations).toEqual({ a: 'b' });
    expect(manifest).not.toHaveProperty('subject');
  });

  test('of an index names its manifests, and as blobs what is none', () => {
    const cache = descriptor(LAYER, 'cached layer');
    const body = indexBody({ artifactType: 'a/b' });
    body.manifests.push(cache);
    const manifest = parseManifest(bytesOf(body), index);
    expect(manifest).toMatchObject({ kind: 'oci-index', artifactType: 'a/b' });
    expect(manifest.manifests.map(({ platform }) => platform && platformName(platform))).toEqual([
      'linux/amd64',
      'linux/arm/v7',
    ]);
    expect(manifest.blobs).toEqual([cache]);
    expect(manifest).not.toHaveProperty('config');
    expect(parseManifest(bytesOf(indexBody()))).not.toHaveProperty('artifactType');
  });

  test('with a subject names it, and is known by its own artifact type before that of its config', () => {
    const subject = descriptor(image, 'subject');
    const manifest = parseManifest(bytesOf(imageBody({ subject, artifactType: 'application/spdx+json' })));
    expect(manifest.subject).toBe(subject.digest);
    expect(manifest.artifactType).toBe('application/spdx+json');
  });

  test('of each kind is recognised by its body, and by its Content-Type where that says nothing', () => {
    for (const kind of MANIFEST_KINDS) {
      const mediaType = MANIFEST_MEDIA_TYPES[kind];
      const body = isIndex(kind) ? indexBody({ mediaType }) : imageBody({ mediaType });
      const silent = { ...body, mediaType: undefined };
      for (const contentType of [undefined, OCTETS, 'text/plain', `${mediaType}; charset=utf-8`])
        expect(parseManifest(bytesOf(body), contentType).kind).toBe(kind);
      expect(parseManifest(bytesOf(silent), mediaType).kind).toBe(kind);
    }
  });

  test('that says nothing of itself is an OCI one, by its members', () => {
    expect(parseManifest(bytesOf(imageBody({ mediaType: undefined })), OCTETS).kind).toBe('oci-manifest');
    expect(parseManifest(bytesOf(indexBody({ mediaType: undefined }))).kind).toBe('oci-index');
  });

  test('keeps names of the language out of trouble', () => {
    const text = JSON.stringify(imageBody({ annotations: { constructor: 'a', toString: 'b' } })).replace(
      '"constructor":"a"',
      '"constructor":"a","__proto__":"c"',
    );
    const { annotations } = parseManifest(Buffer.from(text));
    expect(annotations?.['constructor']).toBe('a');
    expect(Object.getPrototypeOf(annotations)).toBe(Object.prototype);
    const polluting = Buffer.from(
      '{"__proto__":{"schemaVersion":2,"config":{}},"constructor":{"prototype":{"x":1}}}',
    );
    expect(() => parseManifest(polluting)).toThrow(refusal(polluting, 'of no kind that is carried'));
    expect('x' in {}).toBe(false);
  });

  test('does not say where foreign layers are to be fetched from unless asked', () => {
    const foreign = descriptor('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', 'x', {
      urls: ['https://x'],
    });
    const manifest = parseManifest(bytesOf(imageBody({ layers: [foreign] })));
    expect(manifest.blobs.map(isForeign)).toEqual([false, true]);
  });
});

describe('A manifest is refused by its digest', () => {
  test.each<[string, object, string | undefined, string]>([
    [
      'an image with manifests',
      imageBody({ manifests: [] }),
      image,
      'ambiguous: of kind oci-manifest, with "manifests"',
    ],
    ['an index with layers', indexBody({ layers: [] }), index, 'ambiguous: of kind oci-index, with "layers"'],
    [
      'an index with a config',
      indexBody({ config: null }),
      index,
      'ambiguous: of kind oci-index, with "config"',
    ],
    [
      'all, with no media type',
      { ...imageBody(), ...indexBody(), mediaType: undefined },
      undefined,
      'ambiguous',
    ],
    [
      'an image that came as an index',
      imageBody(),
      index,
      `its mediaType is ${image}, but it came as ${index}`,
    ],
    [
      'an index that came as a Docker list',
      indexBody(),
      MANIFEST_MEDIA_TYPES['docker-list'],
      'but it came as',
    ],
    ['an index without type that came as an image', indexBody({ mediaType: undefined }), image, 'ambiguous'],
    ['schema 1', { schemaVersion: 1, name: 'a', fsLayers: [] }, undefined, 'schema 1'],
    [
      'schema 1 by its type',
      imageBody({ mediaType: 'application/vnd.docker.distribution.manifest.v1+json' }),
      undefined,
      'schema 1',
    ],
    [
      'schema 1 by Content-Type',
      imageBody(),
      'application/vnd.docker.distribution.manifest.v1+prettyjws',
      'schema 1',
    ],
    [
      'a list of schema 1',
      indexBody({ manifests: [descriptor('application/vnd.docker.distribution.manifest.v1+json', 'a')] }),
      index,
      `lists ${digestOf('a')}`,
    ],
    [
      'an artifact manifest',
      { mediaType: 'application/vnd.oci.artifact.manifest.v1+json', blobs: [] },
      undefined,
      'none that is carried',
    ],
    ['no members', {}, 'text/html', 'came as "text/html"'],
    ['a media type that is no string', imageBody({ mediaType: 7 }), image, 'mediaType is not a string'],
    ['another schema version', imageBody({ schemaVersion: 3 }), image, 'at "schemaVersion"'],
    ['no layers', imageBody({ layers: undefined }), image, 'at "layers"'],
    [
      'a digest that is none',
      imageBody({ config: { ...descriptor(CONFIG, 'c'), digest: 'sha256:../../x' } }),
      image,
      'at "config.digest"',
    ],
    [
      'a size below 0',
      imageBody({ layers: [{ ...descriptor(LAYER, 'l'), size: -1 }] }),
      image,
      'at "layers.0.size"',
    ],
    [
      'a size that is no whole number',
      imageBody({ layers: [{ ...descriptor(LAYER, 'l'), size: 1.5 }] }),
      image,
      'at "layers.0.size"',
    ],
    [
      'a size past what is exact',
      imageBody({ layers: [{ ...descriptor(LAYER, 'l'), size: 2 ** 53 }] }),
      image,
      'at "layers.0.size"',
    ],
    ['an annotation that is no text', imageBody({ annotations: { a: 1 } }), image, 'at "annotations.a"'],
  ])('%s', (_title, body, contentType, why) => {
    const bytes = bytesOf(body);
    expect(() => parseManifest(bytes, contentType)).toThrow(refusal(bytes, why));
  });

  test.each([
    ['not JSON', 'hello', 'not JSON'],
    ['HTML', '<!DOCTYPE html>', 'not JSON'],
    ['nothing', '', 'not JSON'],
    ['a list', '[]', 'not a JSON object'],
    ['null', 'null', 'not a JSON object'],
    ['a member twice', '{"schemaVersion":2,"schemaVersion":2}', 'stands twice'],
    [
      'a member twice, once escaped',
      String.raw`{"layers":[],"l\u0061yers":[]}`,
      'the member "layers" stands twice',
    ],
    [
      'a media type nested a million deep',
      `{"mediaType":${'['.repeat(1e6)}${']'.repeat(1e6)}}`,
      'mediaType is not a string',
    ],
    [
      'layers nested a million deep',
      `{"schemaVersion":2,"config":${'['.repeat(1e6)}${']'.repeat(1e6)}}`,
      'at "config"',
    ],
  ])('%s', (_title, text, why) => {
    const bytes = Buffer.from(text);
    expect(() => parseManifest(bytes)).toThrow(refusal(bytes, why));
  });

  test('one byte over 4 MiB, while 4 MiB are taken', () => {
    expect(parseManifest(padded(MANIFEST_MAX_BYTES)).size).toBe(4 * 1024 * 1024);
    const over = padded(MANIFEST_MAX_BYTES + 1);
    expect(() => parseManifest(over)).toThrow(
      refusal(over, 'it has 4194305 bytes, and 4194304 are the most'),
    );
  });

  test('whatever is wrong with it, with a printable fault and nothing else', () => {
    const spoiled = fc
      .tuple(
        fc.constantFrom(imageBody(), indexBody()),
        fc.dictionary(
          fc.constantFrom(
            'schemaVersion',
            'mediaType',
            'config',
            'layers',
            'manifests',
            'subject',
            'annotations',
            '__proto__',
          ),
          fc.jsonValue(),
          { maxKeys: 2 },
        ),
      )
      .map(([body, members]) => bytesOf({ ...body, ...members }));
    const broken = fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => {
      const bytes = bytesOf(imageBody());
      bytes[at % bytes.length] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(
        fc.oneof(spoiled, broken, fc.uint8Array()),
        fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
        (bytes, contentType) => {
          expect(faultOf(() => parseManifest(bytes, contentType))?.message ?? '').not.toMatch(/\p{Cc}/u);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
