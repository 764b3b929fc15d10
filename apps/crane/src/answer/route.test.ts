import * as fc from 'fast-check';
import { MAX_TARGET_LENGTH, parseRoute, type Route } from './route.ts';

const SHA256 = `sha256:${'a'.repeat(64)}` as const;
const SHA512 = `sha512:${'b'.repeat(128)}` as const;

describe('a request target', () => {
  const cases: [string, Route][] = [
    ['/v2/', { kind: 'base' }],
    ['/v2', { kind: 'base' }],
    ['/v2/?ns=x', { kind: 'base' }],
    ['http://any.example:5000/v2/', { kind: 'base' }],
    ['HTTPS://any.example/v2/', { kind: 'base' }],
    ['/v2/app/manifests/latest', { kind: 'manifest', name: 'app', reference: { tag: 'latest' } }],
    [`/v2/app/manifests/${SHA256}`, { kind: 'manifest', name: 'app', reference: { digest: SHA256 } }],
    [`/v2/app/manifests/${SHA512}`, { kind: 'manifest', name: 'app', reference: { digest: SHA512 } }],
    [`/v2/a/b/c/blobs/${SHA256}`, { kind: 'blob', name: 'a/b/c', digest: SHA256, query: '' }],
    [
      `/v2/app/blobs/${SHA256.replace(':', '%3A')}?ns=x`,
      { kind: 'blob', name: 'app', digest: SHA256, query: 'ns=x' },
    ],
    ['/mirrors', { kind: 'mirrors' }],
    ['/v2/app/tags/list', { kind: 'tags', name: 'app', query: '' }],
    ['/v2/app/tags/list?n=3&last=a', { kind: 'tags', name: 'app', query: 'n=3&last=a' }],
    [
      `/v2/app/referrers/${SHA256}?artifactType=a%2Fb`,
      { kind: 'referrers', name: 'app', subject: SHA256, query: 'artifactType=a%2Fb' },
    ],
    ['/v2/app/manifests/v1?ns=x', { kind: 'manifest', name: 'app', reference: { tag: 'v1' } }],
    [
      '/v2/app/manifests/v1?serial=42',
      { kind: 'manifest', name: 'app', reference: { tag: 'v1' }, serial: 42 },
    ],
    ['/v2/app/manifests/v1?serial=0', { kind: 'refused', refusal: 'serial invalid' }],
    ['/v2/app/referrers/blake3:abc', { kind: 'referrers', name: 'app', query: '' }],
    ['/v2/app/blobs/blake3:abc', { kind: 'refused', refusal: 'blob of another algorithm' }],
    ['/v2/app/manifests/a+b.c:Qm=_-', { kind: 'refused', refusal: 'manifest of another algorithm' }],
    ['/v2/app/manifests/a+:b', { kind: 'refused', refusal: 'digest invalid' }],
    ['/', { kind: 'page', query: '' }],
    ['/?q=a', { kind: 'page', query: 'q=a' }],
    ['/v2/_catalog', { kind: 'catalog', query: '' }],
    ['/v2/_catalog?n=5', { kind: 'catalog', query: 'n=5' }],
  ];
  test.each(cases)('%s is understood', (target, route) => {
    expect(parseRoute(target)).toEqual(route);
  });

  test.each([
    ['/v2/x/manifests/y/manifests/v1', 'x/manifests/y', 'v1'],
    ['/v2/tags/manifests/list', 'tags', 'list'],
    ['/v2/blobs/referrers/manifests/latest', 'blobs/referrers', 'latest'],
    ['/v2/app/manifests/tags', 'app', 'tags'],
    ['/v2/app/manifests/manifests', 'app', 'manifests'],
    ['/v2/app/tags/list/manifests/blobs', 'app/tags/list', 'blobs'],
  ])('%s: words of the API may stand in names, and tags may be called so', (target, name, tag) => {
    expect(parseRoute(target)).toEqual({ kind: 'manifest', name, reference: { tag } });
  });

  test.each([
    ['', 'no such endpoint'],
    ['*', 'no such endpoint'],
    ['/v3/', 'no such endpoint'],
    ['/v2x/', 'no such endpoint'],
    ['/v2/app', 'no such endpoint'],
    ['/v2/app/manifests', 'no such endpoint'],
    ['/v2/app/tags', 'no such endpoint'],
    ['/v2/app/tags/list/', 'no such endpoint'],
    ['/v2/app/tags/other', 'no such endpoint'],
    ['/v2/tags/list', 'name invalid'],
    ['/v2//manifests/latest', 'name invalid'],
    ['/v2/App/manifests/latest', 'name invalid'],
    ['/v2/a//b/manifests/latest', 'name invalid'],
    ['/v2/../etc/manifests/latest', 'name invalid'],
    ['/v2/%2e%2e/manifests/latest', 'name invalid'],
    [`/v2/${'a'.repeat(256)}/manifests/latest`, 'name invalid'],
    ['/v2/a%2Fb/manifests/latest', 'encoding invalid'],
    ['/v2/app/manifests/', 'not a tag'],
    ['/v2/app/manifests/a/b', 'not a tag'],
    ['/v2/app/manifests/.hidden', 'not a tag'],
    ['/v2/app/manifests/a%0d%0ab', 'not a tag'],
    ['/v2/app/manifests/sha256:abc', 'digest invalid'],
    [`/v2/app/manifests/${SHA256.toUpperCase()}`, 'digest invalid'],
    ['/v2/app/blobs/latest', 'digest invalid'],
    ['/v2/app/blobs/uploads/', 'digest invalid'],
    ['/v2/app/referrers/sha256:../..', 'digest invalid'],
    ['/v2/app/manifests/%zz', 'encoding invalid'],
    [`/v2/app/tags/list?${'x'.repeat(MAX_TARGET_LENGTH)}`, 'too long'],
  ])('%s is refused', (target, refusal) => {
    expect(parseRoute(target)).toEqual({ kind: 'refused', refusal });
  });

  test('whatever it is, it is read without an error, and what comes out is of the grammar', () => {
    const part = fc.constantFrom(
      'v2',
      'manifests',
      'blobs',
      'tags',
      'list',
      'referrers',
      'a',
      '%41',
      '..',
      '',
      SHA256,
    );
    const target = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.oneof(part, fc.string()), { maxLength: 8 }).map((parts) => `/v2/${parts.join('/')}`),
    );
    fc.assert(
      fc.property(target, (text) => {
        const route = parseRoute(text);
        expect('name' in route ? route.name : 'none').toMatch(/^[a-z0-9][a-z0-9._/-]*$/);
      }),
    );
  });
});
