import { firstToIdentify } from './authenticator.ts';
import { idOfToken, isTokenId, makeToken } from './made-token.ts';
import { authenticateByStoredTokens, type StoredToken } from './stored-tokens.ts';
import { createTokenTable } from './tokens.ts';

const NOW = new Date('2026-11-21T09:00:00.000Z');

function storeOf(...tokens: readonly (readonly [id: string, token: StoredToken])[]) {
  const stored = new Map(tokens);
  const asked: string[] = [];
  const authenticator = authenticateByStoredTokens(
    {
      async get(id) {
        asked.push(id);
        return stored.get(id);
      },
    },
    () => NOW,
  );
  return { stored, asked, authenticator };
}

const made = makeToken();
const record: StoredToken = {
  name: 'ci',
  hash: made.hash,
  scopes: ['read', 'promote:stable'],
  groups: ['release'],
};

describe('a token that was made', () => {
  test('has an id that is no secret, 32 random bytes, and a hash that does not hold them', () => {
    expect(made.token).toMatch(/^gty_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
    expect(idOfToken(made.token)).toBe(made.id);
    expect(isTokenId(made.id)).toBe(true);
    expect(made.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(Array.from({ length: 100 }, () => makeToken().token)).size).toBe(100);
  });

  test('shows who calls, with scopes and groups', async () => {
    const { authenticator } = storeOf([made.id, record]);
    expect(await authenticator.identify(`Bearer ${made.token}`)).toEqual({
      name: 'ci',
      scopes: ['read', 'promote:stable'],
      groups: ['release'],
    });
  });

  test('is read anew for each request: what was revoked is nobody at once', async () => {
    const { authenticator, stored, asked } = storeOf([made.id, record]);
    await authenticator.identify(`Bearer ${made.token}`);
    stored.set(made.id, { ...record, revoked: { by: 'admin', at: NOW.toISOString() } });
    expect(await authenticator.identify(`Bearer ${made.token}`)).toBeUndefined();
    expect(asked).toEqual([made.id, made.id]);
  });

  test.each([
    ['2026-11-21T09:00:00.001Z', 'ci'],
    ['2026-11-21T09:00:00.000Z', undefined],
    ['2020-01-01T00:00:00.000Z', undefined],
    ['soon', undefined],
  ])('that expires at %s is %s', async (expiresAt, name) => {
    const { authenticator } = storeOf([made.id, { ...record, expiresAt }]);
    expect((await authenticator.identify(`Bearer ${made.token}`))?.name).toBe(name);
  });

  test('with an unknown id, or a known one and another secret, is nobody: both are looked up and compared', async () => {
    const { authenticator, asked } = storeOf([made.id, record]);
    const other = makeToken();
    expect(await authenticator.identify(`Bearer ${other.token}`)).toBeUndefined();
    const forged = other.token.replace(other.id, made.id);
    expect(await authenticator.identify(`Bearer ${forged}`)).toBeUndefined();
    expect(asked).toEqual([other.id, made.id]);
  });

  test.each([
    undefined,
    '',
    made.token,
    `Basic ${made.token}`,
    `Bearer ${made.token}x`,
    `Bearer ${made.token.slice(0, -1)}`,
    `Bearer ${made.token.toUpperCase()}`,
    'Bearer gty_../../etc/passwd_x',
    'Bearer gty___proto___',
  ])('%j is not even looked up', async (header) => {
    const { authenticator, asked } = storeOf([made.id, record]);
    expect(await authenticator.identify(header)).toBeUndefined();
    expect(asked).toEqual([]);
  });

  test('a scope of another Gantry that this one does not know allows nothing', async () => {
    const { authenticator } = storeOf([made.id, { ...record, scopes: ['read', 'fly'] }]);
    expect((await authenticator.identify(`Bearer ${made.token}`))?.scopes).toEqual(['read']);
  });

  test('beside tokens of the configuration: each knows its own', async () => {
    const { authenticator, asked } = storeOf([made.id, record]);
    const all = firstToIdentify([
      createTokenTable([{ name: 'boss', token: 'boss-token', scopes: ['admin'] }]),
      authenticator,
    ]);
    expect((await all.identify('Bearer boss-token'))?.name).toBe('boss');
    expect(asked).toEqual([]);
    expect((await all.identify(`Bearer ${made.token}`))?.name).toBe('ci');
    expect(await all.identify(undefined)).toBeUndefined();
    expect(await all.identify(`Bearer ${'a'.repeat(100_000)}`)).toBeUndefined();
  });
});
