import { digestOf, GRAPH_MAX_DEPTH, MANIFEST_MAX_BYTES, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { type InProcessOptions, makeImage, makeIndex, makeLayer, type MadeManifest } from '@gantry/registry';
import { openSyncHere, type SyncHere } from '../fixtures/sync-here.ts';

/** Manifests, tags and digests that a hostile or broken registry tells. Each is left out alone, by name. */

const AMD64 = { os: 'linux', architecture: 'amd64' };
const image = makeImage({ platform: AMD64, layers: [makeLayer([{ path: '/a', content: 'a' }])] });
const OCI = MANIFEST_MEDIA_TYPES['oci-manifest'];
const INDEX = MANIFEST_MEDIA_TYPES['oci-index'];
const DOCKER = MANIFEST_MEDIA_TYPES['docker-manifest'];

function nested(levels: number): MadeManifest {
  let made: MadeManifest = image;
  for (let level = 0; level < levels; level++) made = makeIndex([made]);
  return made;
}

async function expectOneRefused(here: SyncHere, problem: string): Promise<string> {
  const { state, errors } = await here.sync();
  expect([state, errors.map(({ item, problem: { type } }) => [item, type])]).toEqual([
    'partial',
    [['app:bad', `urn:gantry:problem:${problem}`]],
  ]);
  expect(await here.tags()).toEqual(['app:good']);
  return errors[0]?.problem.detail ?? '';
}

test(`an index that nests 100 deep is refused by name; ${GRAPH_MAX_DEPTH} levels are taken`, async () => {
  await using here = await openSyncHere();
  here.upstream.push('app', nested(GRAPH_MAX_DEPTH), 'good');
  here.upstream.push('app', nested(100), 'bad');
  expect(await expectOneRefused(here, 'manifest-invalid')).toContain(`deeper than ${GRAPH_MAX_DEPTH}`);
}, 20_000);

test('indexes of which each names the other, as far as a digest can be claimed, end and are refused', async () => {
  // A digest of bytes that name that digest can not be made. What can be is an answer that is not what was asked for.
  const claimed = digestOf('claimed');
  const body = {
    schemaVersion: 2,
    mediaType: INDEX,
    manifests: [{ mediaType: INDEX, digest: claimed, size: 400 }],
  };
  const bytes = Buffer.from(JSON.stringify(body));
  await using here = await openSyncHere({
    intercept: (request, response) => {
      if (request.url?.endsWith(`/manifests/${claimed}`) !== true) return false;
      response
        .writeHead(200, {
          'content-type': INDEX,
          'docker-content-digest': claimed,
          'content-length': bytes.length,
        })
        .end(request.method === 'HEAD' ? undefined : bytes);
      return true;
    },
  });
  here.upstream.push('app', image, 'good');
  here.upstream.putManifest('app', bytes, INDEX, 'bad');
  expect(await expectOneRefused(here, 'digest-invalid')).toContain(claimed);
  expect(here.asked('GET', `/manifests/${claimed}`)).toBe(1);
});

const config = `{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"${image.blobs[0]?.digest}","size":${image.blobs[0]?.size}}`;
const layer = `{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"${image.blobs[1]?.digest}","size":${image.blobs[1]?.size}}`;
const withLayer = (text: string) => `{"schemaVersion":2,"config":${config},"layers":[${text}]}`;
const descriptor = (digest: string) => `{"mediaType":"application/x","digest":"${digest}","size":1}`;

test.each<[string, string, string, RegExp]>([
  [
    'a member that stands twice',
    `{"schemaVersion":2,"config":${config},"layers":[],"layers":[${layer}]}`,
    OCI,
    /"layers" stands twice/,
  ],
  [
    'a member that stands twice, once escaped',
    `{"schemaVersion":2,"config":${config},"layers":[],"\\u006cayers":[${layer}]}`,
    OCI,
    /"layers" stands twice/,
  ],
  [
    'both layers and manifests',
    `{"schemaVersion":2,"config":${config},"layers":[${layer}],"manifests":[]}`,
    OCI,
    /ambiguous/,
  ],
  [
    'a mediaType that its Content-Type contradicts',
    `{"mediaType":"${OCI}","schemaVersion":2,"config":${config},"layers":[${layer}]}`,
    INDEX,
    /but it came as/,
  ],
  [
    'a mediaType of the other format',
    `{"schemaVersion":2,"mediaType":"${DOCKER}","config":${config},"layers":[${layer}]}`,
    OCI,
    /but it came as/,
  ],
  ['a digest of an unknown algorithm', withLayer(descriptor(`blake3:${'a'.repeat(64)}`)), OCI, /layers/],
  ['a digest of md5', withLayer(descriptor(`md5:${'a'.repeat(32)}`)), OCI, /layers/],
  ['a digest that climbs', withLayer(descriptor(`sha256:../../${'a'.repeat(58)}`)), OCI, /layers/],
  ['a size below zero', withLayer(layer.replace(/"size":\d+/, '"size":-1')), OCI, /layers/],
  ['a size past what is exact', withLayer(layer.replace(/"size":\d+/, '"size":1e300')), OCI, /layers/],
  ['4 MiB and a byte', ' '.repeat(MANIFEST_MAX_BYTES + 1), OCI, /4194304/],
])('a manifest with %s is refused, and the others go on', async (_title, text, type, says) => {
  await using here = await openSyncHere();
  here.upstream.push('app', image, 'good');
  here.upstream.putManifest('app', Buffer.from(text), type, 'bad');
  expect(await expectOneRefused(here, 'manifest-invalid')).toMatch(says);
});

test('names of the language in a manifest and in labels are names, and change nothing else', async () => {
  await using here = await openSyncHere();
  const annotations = JSON.parse('{"__proto__":"p","constructor":"c","toString":"t"}') as Record<
    string,
    string
  >;
  const made = makeImage({ platform: AMD64, layers: [], annotations, labels: annotations });
  here.upstream.push('constructor', made, '__proto__', 'toString');
  here.upstream.putManifest(
    'constructor',
    Buffer.from(
      `{"schemaVersion":2,"__proto__":{"config":${config},"layers":[]},"constructor":{"prototype":{"polluted":1}}}`,
    ),
    OCI,
    'bad',
  );
  const { errors } = await here.sync();
  expect(errors.map(({ item }) => item)).toEqual(['constructor:bad']);
  expect(await here.tags()).toEqual(['constructor:__proto__', 'constructor:toString']);
  expect(Object.getOwnPropertyNames({}.constructor.prototype)).not.toContain('polluted');
  expect('polluted' in {}).toBe(false);
});

const HOSTILE_TAGS = [
  '../../x',
  'a/b',
  'a\r\nX-Injected: 1',
  'a\nb',
  '-rf',
  '--help',
  '',
  ' ',
  'a b',
  'A'.repeat(200),
  'ä',
  'sha256:abc',
  '\u202eevil',
  '%2e%2e',
  'a?n=1',
  'a#b',
];

test('hostile names in tags/list are left out and named in the task, nothing is asked for them, the good ones come', async () => {
  const intercept: NonNullable<InProcessOptions['intercept']> = (request, response) => {
    if (request.url?.startsWith('/v2/app/tags/list') !== true) return false;
    response.end(JSON.stringify({ name: 'app', tags: [...HOSTILE_TAGS, 'good'] }));
    return true;
  };
  await using here = await openSyncHere({ intercept });
  here.upstream.push('app', image, 'good');
  const { state, errors, failures } = await here.sync();
  expect(state).toBe('partial');
  expect(failures.map(({ tag }) => tag)).toEqual(HOSTILE_TAGS.map((tag) => tag.slice(0, 128)));
  expect(new Set(errors.map(({ problem }) => problem.type))).toEqual(
    new Set(['urn:gantry:problem:tag-invalid']),
  );
  for (const { problem } of errors) {
    expect(problem.detail).toMatch(/^[^\p{Cc}\p{Cf}]*$/u); // as it stands in a terminal or a log
    expect(problem.detail.length).toBeLessThan(400);
  }
  expect(await here.tags()).toEqual(['app:good']);
  expect(
    here.upstream.requests.map(({ path }) => path).filter((path) => /rf|help|\.\.|Injected|AAA/.test(path)),
  ).toEqual([]);
});

test('hostile names in the catalogue are left out and named, and the good ones come', async () => {
  const names = ['../../etc', 'UPPER', 'a\r\nb', '-app', 'a//b', 'a/../b', 'x'.repeat(300), '/abs', ''];
  await using here = await openSyncHere({
    intercept: (request, response) => {
      if (request.url?.startsWith('/v2/_catalog') !== true) return false;
      response.end(JSON.stringify({ repositories: [...names, 'app'] }));
      return true;
    },
  });
  here.upstream.push('app', image, 'good');
  const { state, errors } = await here.sync();
  expect([state, errors.length]).toEqual(['partial', names.length]);
  expect(new Set(errors.map(({ problem }) => problem.type))).toEqual(
    new Set(['urn:gantry:problem:name-invalid']),
  );
  expect(await here.tags()).toEqual(['app:good']);
});
