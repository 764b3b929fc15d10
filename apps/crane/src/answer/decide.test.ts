import { type Digest, digestOf, MANIFEST_KINDS, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import * as fc from 'fast-check';
import type { Answer } from './answer.ts';
import { Pool } from '../choose/rendezvous.ts';
import { decide, type Method } from './decide.ts';
import { decideUnnamed } from './decide-unnamed.ts';
import { WRONG_METHOD } from './refusals.ts';
import type { Site } from './site.ts';
import type { Lookup, Repository } from '../repositories/repository.ts';
import { type MirrorOptions, type MirrorState, readMirrors } from '../choose/mirror.ts';
import { PackedRepository, packRepository } from '../repositories/packed-repository.ts';
import { type NamedRoute, parseRoute } from './route.ts';

const hexOf = (digest: Digest) => digest.slice(digest.indexOf(':') + 1);
const [OLD, NEW, LAYER, FRESH_LAYER, SBOM, LIST] = ['old', 'new', 'layer', 'fresh', 'sbom', 'list'].map(
  (text) => digestOf(text),
) as [Digest, Digest, Digest, Digest, Digest, Digest];
const NOBODY = digestOf('nobody');

/** `latest` and the fresh layer came with serial 5, all else with serial 1. */
const PACKED = packRepository({
  name: 'team/app',
  channel: 'stable',
  tags: new Map([
    ['latest', NEW],
    ['old', OLD],
    ['lost', NOBODY],
  ]),
  manifests: new Map([
    [OLD, { kind: 'docker-manifest', size: 100, since: 1 }],
    [NEW, { kind: 'oci-index', size: 200, since: 5 }],
  ]),
  blobs: new Map([
    [LAYER, { size: 1000, since: 1 }],
    [FRESH_LAYER, { size: 2000, since: 5 }],
  ]),
  referrers: new Map([[NEW, SBOM]]),
});
const KNOWN: Repository = new PackedRepository(PACKED);

function mirrorOf(option: Partial<MirrorOptions>, state: Partial<MirrorState> = {}): MirrorState {
  const [mirror] = readMirrors([{ name: 'm', url: 'https://m.example/tree', ...option }]);
  if (mirror === undefined) throw new Error('no mirror');
  return { mirror, healthy: true, serial: 5, kinds: new Set(MANIFEST_KINDS), ...state };
}

const GOOD = mirrorOf({});
const TRUSTED = mirrorOf({ trusted: true });
const LATE = mirrorOf({}, { serial: 1 });
const TRUSTED_LATE = mirrorOf({ trusted: true }, { serial: 1 });
const DOWN = mirrorOf({}, { healthy: false });
const TRUSTED_DOWN = mirrorOf({ trusted: true }, { healthy: false, kinds: new Set() });
const UNTYPED = mirrorOf({}, { kinds: new Set() });
const TRUSTED_UNTYPED = mirrorOf({ trusted: true }, { kinds: new Set() });

function siteOf(
  mirrors: readonly MirrorState[],
  manifests: Site['manifests'] = 'auto',
  servesBlobs = false,
): Site {
  return { mirrors, manifests, status: 302, servesBlobs };
}

function answerTo(target: string, site: Site, method: Method = 'GET', lookup: Lookup = KNOWN): Answer {
  const route = parseRoute(target);
  if (!('name' in route)) return decideUnnamed(route, site);
  const mirrors = site.mirrors.map(({ mirror }) => mirror);
  const client = { pools: [new Pool(mirrors, [...mirrors.keys()])], sentBefore: () => [], sendTo() {} };
  return decide(method, route, lookup, site, client);
}

function headerOf(answer: Answer, name: string): string | undefined {
  const at = answer.headers.indexOf(name);
  return at < 0 ? undefined : answer.headers[at + 1];
}

/** What an answer does, in a word or two. */
function gist(answer: Answer): string {
  const location = headerOf(answer, 'Location');
  if (location !== undefined) return `${answer.status} ${location}`;
  if (answer.status !== 200) {
    const { errors } = JSON.parse(answer.body.from === 'memory' ? String(answer.body.bytes) : '{}') as {
      errors: { code: string }[];
    };
    return `${answer.status} ${errors[0]?.code}`;
  }
  return answer.body.from === 'memory' && answer.body.bytes === '' ? '200' : `200 from ${answer.body.from}`;
}

const BASE = 'https://m.example/tree/pool';
const fileOf = (folder: string, digest: Digest) =>
  `302 ${BASE}/${folder}/sha256/${hexOf(digest).slice(0, 2)}/${hexOf(digest)}`;
const NEW_FILE = fileOf('manifests/oci-index', NEW);
const OLD_FILE = fileOf('manifests/docker-manifest', OLD);
const LAYER_FILE = fileOf('blobs', LAYER);
const SERVED = '200 from tree';

describe('GET of a manifest', () => {
  const byDigest = `/v2/team/app/manifests/${NEW}`;
  const byTag = '/v2/team/app/manifests/latest';
  const oldByDigest = `/v2/team/app/manifests/${OLD}`;
  test.each<[string, string, Site['manifests'], MirrorState[], string]>([
    ['by digest, to a mirror that proved its kind', byDigest, 'auto', [GOOD], NEW_FILE],
    ['by digest, where no mirror is', byDigest, 'auto', [], SERVED],
    ['by digest, where the mirror lags', byDigest, 'auto', [LATE], SERVED],
    ['by digest, an old one, where the mirror lags', oldByDigest, 'auto', [LATE], OLD_FILE],
    ['by digest, where the mirror is down', byDigest, 'auto', [DOWN], SERVED],
    ['by digest, where the kind is not proven', byDigest, 'auto', [UNTYPED], SERVED],
    [
      'by digest, where the trusted mirror did not prove the kind',
      byDigest,
      'auto',
      [TRUSTED_UNTYPED],
      SERVED,
    ],
    ['by digest, where the trusted mirror lags', byDigest, 'auto', [TRUSTED_LATE], SERVED],
    ['by digest, where the trusted mirror is down', byDigest, 'auto', [TRUSTED_DOWN], SERVED],
    ['by tag, where the mirror is not trusted', byTag, 'auto', [GOOD], SERVED],
    ['by tag, to a trusted mirror', byTag, 'auto', [TRUSTED], NEW_FILE],
    ['by tag, where the trusted mirror did not prove the kind', byTag, 'auto', [TRUSTED_UNTYPED], SERVED],
    [
      'by tag, where the trusted mirror lags and another does not',
      byTag,
      'auto',
      [TRUSTED_LATE, GOOD],
      SERVED,
    ],
    ['by digest, serving', byDigest, 'serve', [GOOD], SERVED],
    ['by tag, serving', byTag, 'serve', [TRUSTED], SERVED],
    ['by digest, redirecting whatever the kind', byDigest, 'redirect', [UNTYPED], NEW_FILE],
    ['by digest, redirecting, where the mirror lags', byDigest, 'redirect', [LATE], SERVED],
    ['by digest, redirecting, to the last resort', byDigest, 'redirect', [LATE, TRUSTED_DOWN], NEW_FILE],
    ['by tag, redirecting, where the mirror is not trusted', byTag, 'redirect', [GOOD], SERVED],
    ['by tag, redirecting, to a trusted mirror', byTag, 'redirect', [TRUSTED_UNTYPED], NEW_FILE],
    ['by tag, redirecting, to the last resort', byTag, 'redirect', [GOOD, TRUSTED_DOWN], NEW_FILE],
  ])('%s', (_, target, manifests, mirrors, wanted) => {
    expect(gist(answerTo(target, siteOf(mirrors, manifests)))).toBe(wanted);
  });

  test('that is served has its type, digest, length and how long it may be kept', () => {
    const served = answerTo(byDigest, siteOf([]));
    expect(served.headers).toEqual([
      'Content-Type',
      MANIFEST_MEDIA_TYPES['oci-index'],
      'Content-Length',
      '200',
      'Docker-Content-Digest',
      NEW,
      'ETag',
      `"${NEW}"`,
      'Docker-Distribution-API-Version',
      'registry/2.0',
      'Cache-Control',
      'public, max-age=31536000, immutable',
    ]);
    expect(served.body).toEqual({
      from: 'tree',
      path: `pool/manifests/oci-index/sha256/${hexOf(NEW).slice(0, 2)}/${hexOf(NEW)}`,
      digest: NEW,
      sizeBytes: 200,
    });
    expect(headerOf(answerTo(byTag, siteOf([])), 'Cache-Control')).toBe('public, max-age=10');
  });

  test('that a client has is for no mirror to send; another one is, and so for a blob', () => {
    const site = siteOf([TRUSTED], 'redirect');
    const client = { pools: [new Pool([TRUSTED.mirror], [0])], sentBefore: () => [], sendTo() {} };
    for (const [target, digest] of [
      ['manifests/latest', NEW],
      [`blobs/${LAYER}`, LAYER],
    ] as const) {
      const route = parseRoute(`/v2/team/app/${target}`) as NamedRoute;
      const knowing = (ifNoneMatch: string) => decide('GET', route, KNOWN, site, client, { ifNoneMatch });
      expect(knowing(`"${digest}"`)).toMatchObject({ status: 200, etag: `"${digest}"` });
      expect(knowing(`"${OLD}"`)).toMatchObject({ status: 302 });
    }
  });

  test('a redirect has the status that is configured, and names its mirror for the metrics', () => {
    const answer = answerTo(byDigest, { ...siteOf([GOOD]), status: 307 });
    expect([answer.status, answer.mirror]).toEqual([307, 'm']);
  });
});

describe('GET of a blob', () => {
  const layer = `/v2/team/app/blobs/${LAYER}`;
  const fresh = `/v2/team/app/blobs/${FRESH_LAYER}`;
  test.each<[string, string, Site, string]>([
    ['to a mirror that has it', layer, siteOf([GOOD]), LAYER_FILE],
    ['to a mirror that lags, and has it', layer, siteOf([LATE]), LAYER_FILE],
    ['types do not matter', layer, siteOf([UNTYPED], 'serve'), LAYER_FILE],
    ['that no mirror has yet', fresh, siteOf([LATE]), '503 UNAVAILABLE'],
    ['where the mirror is down', layer, siteOf([DOWN]), '503 UNAVAILABLE'],
    ['to the last resort', layer, siteOf([DOWN, TRUSTED_DOWN]), LAYER_FILE],
    ['from the tree', layer, siteOf([], 'auto', true), '200 from file'],
    ['where there is neither mirror nor directory', layer, siteOf([]), '503 UNAVAILABLE'],
  ])('%s', (_, target, site, wanted) => {
    expect(gist(answerTo(target, site))).toBe(wanted);
  });

  test('that can not be had says when to try again', () => {
    expect(headerOf(answerTo(fresh, siteOf([LATE])), 'Retry-After')).toBe('5');
  });
});

describe('HEAD', () => {
  test.each<[string, string, string, Digest, string]>([
    ['a manifest', `/v2/team/app/manifests/${NEW}`, MANIFEST_MEDIA_TYPES['oci-index'], NEW, '200'],
    ['a tag', '/v2/team/app/manifests/old', MANIFEST_MEDIA_TYPES['docker-manifest'], OLD, '100'],
    ['a blob', `/v2/team/app/blobs/${FRESH_LAYER}`, 'application/octet-stream', FRESH_LAYER, '2000'],
  ])('of %s is answered here, whatever the mirrors', (_, target, contentType, digest, length) => {
    for (const mirrors of [[], [TRUSTED], [DOWN]]) {
      const answer = answerTo(target, siteOf(mirrors, 'redirect'), 'HEAD');
      expect(gist(answer)).toBe('200');
      expect(headerOf(answer, 'Content-Type')).toBe(contentType);
      expect(headerOf(answer, 'Docker-Content-Digest')).toBe(digest);
      expect(headerOf(answer, 'Content-Length')).toBe(length);
      expect(headerOf(answer, 'ETag')).toBe(`"${digest}"`);
    }
  });

  test('of a blob says that ranges are given', () => {
    expect(headerOf(answerTo(`/v2/team/app/blobs/${LAYER}`, siteOf([GOOD]), 'HEAD'), 'Accept-Ranges')).toBe(
      'bytes',
    );
  });
});

describe('what is not there', () => {
  test.each<[string, string, string]>([
    ['an unknown tag', '/v2/team/app/manifests/v9', '404 MANIFEST_UNKNOWN'],
    ['a tag whose manifest is not in the document', '/v2/team/app/manifests/lost', '404 MANIFEST_UNKNOWN'],
    ['an unknown digest', `/v2/team/app/manifests/${NOBODY}`, '404 MANIFEST_UNKNOWN'],
    ['a blob as a manifest', `/v2/team/app/manifests/${LAYER}`, '404 MANIFEST_UNKNOWN'],
    ['a blob', `/v2/team/app/blobs/${LIST}`, '404 BLOB_UNKNOWN'],
    ['a manifest as a blob', `/v2/team/app/blobs/${NEW}`, '404 BLOB_UNKNOWN'],
    ['a bad number', '/v2/team/app/tags/list?n=x', '400 UNSUPPORTED'],
    ['the catalogue', '/v2/_catalog', '404 UNSUPPORTED'],
    ['no endpoint', '/v2/team/app', '404 UNSUPPORTED'],
    ['a bad name', '/v2/Team/tags/list', '400 NAME_INVALID'],
    ['a bad digest', '/v2/team/app/blobs/sha256:x', '400 DIGEST_INVALID'],
    ['a bad tag', '/v2/team/app/manifests/-', '404 MANIFEST_UNKNOWN'],
    ['a bad escape', '/v2/team/app/manifests/%', '400 NAME_INVALID'],
    ['a long target', `/v2/${'a/'.repeat(3000)}`, '414 UNSUPPORTED'],
  ])('%s', (_, target, wanted) => {
    for (const method of ['GET', 'HEAD'] as const) {
      expect(gist(answerTo(target, siteOf([TRUSTED]), method))).toBe(wanted);
    }
  });

  const named = [
    '/v2/team/app/manifests/latest',
    `/v2/team/app/blobs/${LAYER}`,
    '/v2/team/app/tags/list',
    `/v2/team/app/referrers/${NEW}`,
  ];
  test.each(named)('%s of a name that is proven absent, or that can not be read', (target) => {
    expect(gist(answerTo(target, siteOf([TRUSTED]), 'GET', { state: 'absent' }))).toBe('404 NAME_UNKNOWN');
    const unreadable = answerTo(target, siteOf([TRUSTED]), 'GET', { state: 'unreadable' });
    expect([gist(unreadable), headerOf(unreadable, 'Retry-After')]).toEqual(['503 UNAVAILABLE', '5']);
  });

  test('another method is told what is allowed', () => {
    expect([gist(WRONG_METHOD), headerOf(WRONG_METHOD, 'Allow')]).toEqual(['405 UNSUPPORTED', 'GET, HEAD']);
  });
});

function bodyOf(answer: Answer): unknown {
  return JSON.parse(answer.body.from === 'memory' ? String(answer.body.bytes) : 'null');
}

describe('lists', () => {
  test('the base is an empty object', () => {
    const answer = answerTo('/v2/', siteOf([]));
    expect([answer.status, bodyOf(answer)]).toEqual([200, {}]);
    expect(headerOf(answer, 'Docker-Distribution-API-Version')).toBe('registry/2.0');
  });

  test.each<[string, string[], string | undefined]>([
    ['', ['latest', 'lost', 'old'], undefined],
    ['?n=2', ['latest', 'lost'], '</v2/team/app/tags/list?n=2&last=lost>; rel="next"'],
    ['?n=2&last=lost', ['old'], undefined],
    ['?n=0', [], undefined],
    ['?last=m', ['old'], undefined],
  ])('tags/list%s', (query, tags, link) => {
    const answer = answerTo(`/v2/team/app/tags/list${query}`, siteOf([]));
    expect(bodyOf(answer)).toEqual({ name: 'team/app', tags });
    expect(headerOf(answer, 'Link')).toBe(link);
  });

  test('more tags than fit into one answer go on by a Link, also where none was asked for', () => {
    const names = Array.from({ length: 10_001 }, (_, index) => `v${String(index).padStart(5, '0')}`);
    const many = new PackedRepository(
      packRepository({
        name: 'many',
        channel: 'stable',
        tags: new Map(names.map((name) => [name, OLD])),
        manifests: new Map([[OLD, { kind: 'oci-manifest', size: 1, since: 1 }]]),
        blobs: new Map(),
        referrers: new Map(),
      }),
    );
    const answer = answerTo('/v2/many/tags/list', siteOf([]), 'GET', many);
    expect(headerOf(answer, 'Link')).toBe('</v2/many/tags/list?last=v09999>; rel="next"');
    expect((bodyOf(answer) as { tags: string[] }).tags).toHaveLength(10_000);
  });

  test('referrers are the document of the tree, and none for a subject that has none', () => {
    const some = answerTo(`/v2/team/app/referrers/${NEW}`, siteOf([GOOD]));
    expect(some.body).toEqual({ from: 'referrers', document: SBOM });
    const filtered = answerTo(`/v2/team/app/referrers/${NEW}?artifactType=a%2Fb`, siteOf([GOOD]));
    expect(filtered.body).toEqual({ from: 'referrers', document: SBOM, artifactType: 'a/b' });
    for (const subject of [NOBODY, `blake3:${'a'.repeat(64)}`]) {
      const none = answerTo(`/v2/team/app/referrers/${subject}`, siteOf([GOOD]));
      expect(bodyOf(none)).toMatchObject({ schemaVersion: 2, manifests: [] });
      expect(headerOf(none, 'Content-Type')).toBe(MANIFEST_MEDIA_TYPES['oci-index']);
    }
  });
});

test('whatever is asked, the answer is no failure of ours, and a Location begins with a mirror’s base and is plain', () => {
  const part = fc.oneof(
    fc.constantFrom(
      'v2',
      'team',
      'app',
      'manifests',
      'blobs',
      'tags',
      'list',
      'referrers',
      'latest',
      '..',
      '',
      '%2e%2e',
    ),
    fc.constantFrom<string>(
      OLD,
      NEW,
      LAYER,
      NOBODY,
      '%0d%0aX: y',
      '@evil.example',
      'https:',
      '\\evil.example',
    ),
    fc.string({ unit: 'binary' }),
  );
  const target = fc.oneof(
    fc.array(part, { maxLength: 9 }).map((parts) => `/v2/${parts.join('/')}`),
    fc.array(part, { maxLength: 3 }).map((parts) => `/v2/team/app/manifests/${parts.join('')}`),
    fc.array(part, { maxLength: 3 }).map((parts) => `/v2/team/app/blobs/${LAYER}${parts.join('')}`),
    fc.array(part, { maxLength: 3 }).map((parts) => parts.join('')),
  );
  const mirrors = fc.subarray([GOOD, TRUSTED, LATE, DOWN, TRUSTED_DOWN, UNTYPED]);
  const manifests = fc.constantFrom('auto' as const, 'redirect' as const, 'serve' as const);
  fc.assert(
    fc.property(target, fc.constantFrom('GET', 'HEAD'), mirrors, manifests, (text, method, states, mode) => {
      const answer = answerTo(text, siteOf(states, mode), method);
      const isBlobWithoutMirror = answer.route === 'blob' && answer.status === 503;
      expect(isBlobWithoutMirror ? 404 : answer.status).toBeLessThan(500);
      expect(headerOf(answer, 'Location') ?? `${BASE}/`).toMatch(
        /^https:\/\/m\.example\/tree\/pool\/[a-z0-9/-]*$/,
      );
      for (const header of answer.headers) expect(header).toMatch(/^[\x20-\x7e]*$/);
    }),
  );
});

test.each([
  ['manifests/latest', '200 from tree'],
  ['manifests/new-since', '503 UNAVAILABLE'],
  [`manifests/${NOBODY}`, '503 UNAVAILABLE'],
  [`blobs/${NOBODY}`, '503 UNAVAILABLE'],
  [`referrers/${NOBODY}`, '503 UNAVAILABLE'],
  [`referrers/${NEW}`, '200 from referrers'],
  ['tags/list', '200 from memory'],
])('a last good state is served from, and proves nothing absent: %s is %s', (target, expected) => {
  const former = new PackedRepository(PACKED, 0, true);
  expect(gist(answerTo(`/v2/team/app/${target}`, siteOf([]), 'GET', former))).toBe(expected);
});

const signUrl = (base: string, path: string) => `${base}${path}?signed`;

test.each<[string, Partial<Site>, string]>([
  ['sent for by a signed URL', { mirrors: [mirrorOf({ signed: true })], signUrl }, `${LAYER_FILE}?signed`],
  ['not sent for where no mirror looks for one', { mirrors: [GOOD], signUrl }, '503 UNAVAILABLE'],
  ['served where it may be', { mirrors: [GOOD], servesPrivateBlobs: true }, '200 from file'],
])('a private blob is %s', (_, own, wanted) => {
  const site = { ...siteOf([], 'auto', true), ...own };
  const mirrors = site.mirrors.map(({ mirror }) => mirror);
  const client = { pools: [new Pool(mirrors, [...mirrors.keys()])], sentBefore: () => [], sendTo() {} };
  const route = { kind: 'blob', name: 'team/app', digest: LAYER, query: '' } as const;
  expect(gist(decide('GET', route, KNOWN, site, client, { isPrivate: true }))).toBe(wanted);
});
