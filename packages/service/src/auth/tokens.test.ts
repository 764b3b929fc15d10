import { createTokenTable, hasScope, type KnownToken, requireScope } from './tokens.ts';
import { isScope, scopeTarget } from './scopes.ts';

const TOKENS: KnownToken[] = [
  { name: 'ci', token: 'c1-token', scopes: ['sync', 'promote:stable'], groups: ['builders'] },
  { name: 'boss', token: 'Ym9zcw==', scopes: ['admin'] },
];

describe('bearer tokens', () => {
  const table = createTokenTable(TOKENS);

  test.each(['Bearer c1-token', 'bearer c1-token', 'BEARER   c1-token '])('%j is known', async (header) => {
    expect(await table.identify(header)).toEqual({
      name: 'ci',
      scopes: ['sync', 'promote:stable'],
      groups: ['builders'],
    });
  });

  test.each([
    undefined,
    '',
    'c1-token',
    'Bearer',
    'Bearer ',
    'Bearer c1-toke',
    'Bearer c1-tokenn',
    'Bearer C1-TOKEN',
    'Bearer c1-token x',
    'Bearer c1-token,Bearer Ym9zcw==',
    'Basic c1-token',
    'Bearer Ym9zcw',
    `Bearer ${'a'.repeat(100_000)}`,
  ])('%j is nobody', async (header) => {
    expect(await table.identify(header)).toBeUndefined();
  });

  test('what is told of the caller does not hold the token', async () => {
    expect(JSON.stringify(await table.identify('Bearer Ym9zcw=='))).toBe(
      '{"name":"boss","scopes":["admin"],"groups":[]}',
    );
  });

  test('no table knows anybody when there are no tokens', async () => {
    expect(await createTokenTable([]).identify('Bearer x')).toBeUndefined();
  });

  test.each(['', 'with space', 'ümlaut', 'line\nbreak'])('%j can not be sent, so it is refused', (token) => {
    expect(() => createTokenTable([{ name: 'x', token, scopes: ['read'] }])).toThrow(
      /can not be sent as a bearer token/,
    );
  });

  test('two names with one token are refused, without the token in the message', () => {
    const twice: KnownToken[] = [...TOKENS, { name: 'other', token: 'c1-token', scopes: ['read'] }];
    expect(() => createTokenTable(twice)).toThrow('the token "other" is that of ci too');
  });
});

describe('scopes', () => {
  test('a caller has just the scopes that are listed, and admin has all', () => {
    const ci = { name: 'ci', scopes: ['sync', 'promote:stable'], groups: [] } as const;
    expect(hasScope(ci, 'sync')).toBe(true);
    expect(hasScope(ci, 'promote:stable')).toBe(true);
    expect(hasScope(ci, 'promote:testing')).toBe(false);
    expect(hasScope(ci, 'read')).toBe(false);
    expect(hasScope({ name: 'boss', scopes: ['admin'], groups: [] }, 'promote:testing')).toBe(true);
  });

  test('who is unknown gets UNAUTHORIZED, who lacks the scope DENIED', () => {
    expect(() => requireScope(undefined, 'read')).toThrow(expect.objectContaining({ code: 'UNAUTHORIZED' }));
    expect(() => requireScope({ name: 'ci', scopes: ['sync'], groups: [] }, 'promote:stable')).toThrow(
      expect.objectContaining({
        code: 'DENIED',
        message: expect.stringMatching(/^ci lacks the scope promote:stable: it has /) as string,
      }),
    );
    expect(requireScope({ name: 'ci', scopes: ['sync'], groups: [] }, 'sync').name).toBe('ci');
  });

  test.each(['read', 'sync', 'admin', 'promote:stable', 'report:a.b-c', 'approve:x'])(
    '%s is one',
    (scope) => {
      expect(isScope(scope)).toBe(true);
    },
  );

  test.each(['', 'write', 'promote', 'promote:', 'promote:*', 'read:x', 'promote:a b', 'ADMIN'])(
    '%j is none',
    (scope) => {
      expect(isScope(scope)).toBe(false);
    },
  );

  test('a scope names the channel or source that it is bound to', () => {
    expect(scopeTarget('promote:stable')).toEqual({ kind: 'channel', name: 'stable' });
    expect(scopeTarget('report:candidates')).toEqual({ kind: 'source', name: 'candidates' });
    expect(scopeTarget('admin')).toBeUndefined();
  });
});
