import { createCdn, tokenOf } from './cdn.ts';

test('a token is the one of the original’s own test', () => {
  const secret = 'abc123';
  expect(tokenOf('/content/repo/manifests/123', { secret, algorithm: 'sha256' }, 1_933_027_200)).toBe(
    'exp=1933027200~hmac=d039ac10e019fd13824a3f861b4f55df40e2a402d102b5266194fff6f3a24ed0',
  );
});

test('it is of the path after the rewriting, and holds for whole seconds', () => {
  const token = { secret: '00', ttlMs: 1500, parameter: 't', algorithm: 'md5' } as const;
  const fit = createCdn({ rewrite: { match: '/old', replace: '/new' }, token }, () => 10_999);
  expect(fit('http://h/old/x', 'a=1&t=2')).toBe(`http://h/new/x?a=1&t=${tokenOf('/new/x', token, 11)}`);
});

test('all matches are replaced, and nothing is done without a need', () => {
  expect(createCdn({ rewrite: { match: 'a', replace: 'b' } })('http://a/a')).toBe('http://b/b');
  expect(createCdn({})('http://a/a', 'n=1')).toBe('http://a/a?n=1');
});

test('a URL without a path, and a query that is no right one, are taken as they are', () => {
  const token = { secret: '00', ttlMs: 1000, parameter: 't', algorithm: 'md5' } as const;
  const fit = createCdn({ token }, () => 10_000);
  expect(fit('http://h', '%zz=1&t=2')).toBe(`http://h?%zz=1&t=${tokenOf('', token, 11)}`);
});
