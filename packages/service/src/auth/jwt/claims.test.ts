import { identityIn } from './claims.ts';

const RULES = {
  name: 'oidc',
  nameClaim: 'sub',
  groupsClaim: 'https://gantry.example.org/groups',
  scopes: [
    { claim: 'email_verified', value: 'true', scopes: ['read'] },
    { claim: 'groups', value: 'release', scopes: ['promote:stable', 'read'] },
    { claim: 'groups', value: 'testers', scopes: ['promote:testing'] },
    { claim: 'a.b.c', value: 'x', scopes: ['sync'] },
    { claim: 'constructor.name', value: 'Object', scopes: ['admin'] },
    { claim: '__proto__.toString', value: 'x', scopes: ['admin'] },
  ],
} as const;

const scopesOf = (claims: object) => identityIn({ sub: 'x', ...claims }, RULES)?.scopes;

test('all rules that hold give their scopes, each once', () => {
  expect(scopesOf({ groups: ['testers', 'release'], email_verified: true })).toEqual([
    'read',
    'promote:stable',
    'promote:testing',
  ]);
  expect(scopesOf({})).toEqual([]);
});

test('a claim is found by its name, or by the way to it', () => {
  expect(scopesOf({ a: { b: { c: ['x'] } } })).toEqual(['sync']);
  expect(scopesOf({ 'a.b.c': 'x' })).toEqual(['sync']);
  expect(scopesOf({ a: { 'b.c': 'x' } })).toEqual(['sync']);
  expect(scopesOf({ a: { b: 'x' } })).toEqual([]);
  expect(scopesOf({ a: 'x' })).toEqual([]);
});

test('what every object has is no claim', () => {
  expect(scopesOf(JSON.parse('{"__proto__": {"toString": "y"}}'))).toEqual([]);
  expect(scopesOf({ a: {} })).toEqual([]);
});

test.each([
  [
    ['release', 'staff'],
    ['release', 'staff'],
  ],
  ['release', ['release']],
  [{ release: true }, []],
  [['release', '', 'a\nb', null, ['x'], 'x'.repeat(300)], ['release']],
])('groups are texts: %#', (groups, expected) => {
  const claims = { sub: 'x', 'https://gantry.example.org/groups': groups };
  expect(identityIn(claims, RULES)?.groups).toEqual(expected);
});

test('groups are a thousand at the most', () => {
  const groups = Array.from({ length: 5000 }, (_, at) => `g${at}`);
  const claims = { sub: 'x', 'https://gantry.example.org/groups': groups };
  expect(identityIn(claims, RULES)?.groups).toEqual(groups.slice(0, 1000));
});

test.each([undefined, '', 'a b', 'a\u00a0b', 'a\u0000', 7, null, ['a'], 'x'.repeat(257)])(
  '%j names nobody',
  (sub) => {
    expect(identityIn({ sub }, RULES)).toBeUndefined();
  },
);

test.each(['alice', 'alice@example.org', 'repo:org/name:ref:refs/heads/main', 'Ålice', 'auth0|1234'])(
  '%j names somebody',
  (sub) => {
    expect(identityIn({ sub }, RULES)?.name).toBe(`oidc:${sub}`);
  },
);
