import { authenticateByStoredTokens, createTokenTable, firstToIdentify } from '@gantry/service';
import { type ApiFixture, openApi } from '../api.fixture.ts';

let api: ApiFixture;
let now: Date;
beforeEach(async () => {
  now = new Date();
  api = await openApi({
    configuredTokens: ['admin'],
    authenticator: firstToIdentify([
      createTokenTable([{ name: 'admin', token: 'admin-token', scopes: ['admin'], groups: ['staff'] }]),
      // The catalog is there once the API is open.
      authenticateByStoredTokens({ get: (id) => api.flow.catalog.tokens.get(id) }, () => now),
    ]),
  });
});
afterEach(() => api[Symbol.asyncDispose]());

const make = (body: object) => api.call('POST', '/api/v1/tokens', { body });
const asks = (token: string, place = '/api/v1/whoami') =>
  api.call('GET', place, { token: null, headers: { Authorization: `Bearer ${token}` } });
/** What the audit log says that a token was made for. */
const targetOf = async (body: object) => {
  const made = await make(body);
  const [entry] = (await api.call('GET', '/api/v1/audit?action=createToken')).body.items;
  expect(JSON.stringify(entry)).not.toContain(made.body.token);
  return entry.target as string;
};
const unprocessable = 'urn:gantry:problem:request-unprocessable';

describe('a token that is made', () => {
  test('is shown once, and allows what it was made for', async () => {
    const { status, body } = await make({
      name: 'release-bot',
      scopes: ['read', 'promote:stable', 'read'],
      groups: ['release'],
    });
    expect(status).toBe(201);
    const { token, ...shown } = body;
    expect(shown).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{16}$/),
      name: 'release-bot',
      scopes: ['read', 'promote:stable'],
      groups: ['release'],
      createdBy: 'admin',
      createdAt: expect.any(String),
      expiresAt: null,
      revoked: null,
    });
    expect((await asks(token)).body).toEqual({
      name: 'release-bot',
      scopes: ['read', 'promote:stable'],
      groups: ['release'],
    });
    expect((await asks(token, '/api/v1/channels')).status).toBe(200);
    expect((await asks(token, '/api/v1/tokens')).status).toBe(403);
    const { body: list } = await api.call('GET', '/api/v1/tokens');
    expect(list).toEqual({ items: [shown], next: null });
  });

  test('stands in no log line, and in the catalog only as its hash', async () => {
    const { body } = await make({ name: 'ci', scopes: ['read'] });
    await asks(body.token);
    const secret = body.token.split('_').at(-1);
    expect(JSON.stringify([api.lines, api.debugLines])).not.toContain(secret);
    expect(JSON.stringify(await api.flow.catalog.tokens.get(body.id))).not.toContain(secret);
  });

  test('is over when it expires', async () => {
    const expiresAt = new Date(now.getTime() + 60_000).toISOString();
    const { body } = await make({ name: 'short', scopes: ['read'], expiresAt });
    expect((await asks(body.token)).status).toBe(200);
    now = new Date(now.getTime() + 60_000);
    expect((await asks(body.token)).status).toBe(401);
  });

  test.each(['its name', 'its id'])('is revoked by %s, from the next request on', async (by) => {
    const { body } = await make({ name: 'ci', scopes: ['read'] });
    expect((await asks(body.token)).status).toBe(200);
    const place = `/api/v1/tokens/${by === 'its id' ? body.id : 'ci'}`;
    const { status, body: revoked } = await api.call('DELETE', place);
    expect([status, revoked.revoked]).toEqual([200, { by: 'admin', at: expect.any(String) }]);
    expect((await asks(body.token)).status).toBe(401);
    // The name is free again, and the old token stays what it is.
    const { body: next } = await make({ name: 'ci', scopes: ['sync'] });
    expect((await asks(next.token)).body.scopes).toEqual(['sync']);
    expect((await asks(body.token)).status).toBe(401);
  });

  test('has a name of its own among those in force', async () => {
    await make({ name: 'ci', scopes: ['read'] });
    const { status, body } = await make({ name: 'ci', scopes: ['read'] });
    expect([status, body.type]).toEqual([409, 'urn:gantry:problem:conflict']);
  });

  test.each([
    [{ name: 'admin' }, 'the name admin is that of a token of the configuration: choose another'],
    [{ name: 'local' }, 'the name local is what commands with --local are called: choose another'],
    [{ name: '0123456789abcdef' }, "looks like a token's id"],
    [
      { scopes: ['read', 'promote:stabel'] },
      'the scope promote:stabel names no channel: there are testing, stable, internal',
    ],
    [{ scopes: ['approve:none'] }, 'the scope approve:none names no channel'],
    [{ expiresAt: '2020-01-01T00:00:00Z' }, '2020-01-01T00:00:00.000Z is over'],
  ])('can not be carried out: %j', async (changed, why) => {
    const { status, body } = await make({ name: 'ci', scopes: ['read'], ...changed });
    expect([status, body.type]).toEqual([422, unprocessable]);
    expect(body.detail).toContain(why);
  });

  test('may report what no source of this name ever did: test systems are not configured', async () => {
    expect((await make({ name: 'openqa', scopes: ['report:openqa'] })).status).toBe(201);
  });

  test.each([
    [{ name: 'a b' }, 'name is not a name'],
    [{ name: 'oidc:somebody' }, 'name is not a name'],
    [{ scopes: [] }, 'scopes'],
    [{ scopes: ['write'] }, 'scopes[0] is not a scope'],
    [{ groups: ['a\u0000b'] }, 'groups[0] is not the name of a group'],
    [{ expiresAt: 'soon' }, 'expiresAt is not a time'],
    [{ hash: 'x' }, '"hash" is not a member'],
  ])('is not well formed: %j', async (changed, why) => {
    const { status, body } = await make({ name: 'ci', scopes: ['read'], ...changed });
    expect(status).toBe(400);
    expect(body.detail).toContain(why);
  });
});

describe('the audit log', () => {
  test('says what a token is for', async () => {
    expect(
      await targetOf({ name: 'ci', scopes: ['read', 'promote:stable'], groups: ['qa', 'release'] }),
    ).toBe('ci with read promote:stable, in qa release');
    expect(await targetOf({ name: 'reader', scopes: ['read', 'read'] })).toBe('reader with read');
  });

  test('says so in few words, whatever it is for, and never leaves out that it may do all', async () => {
    const scopes = [...Array.from({ length: 999 }, (_, n) => `report:s${n}`), 'admin'];
    const groups = Array.from({ length: 1000 }, (_, n) => `${n}${'g'.repeat(252)}`);
    const target = await targetOf({ name: 'n'.repeat(128), scopes, groups });
    expect(target).toMatch(/^n{128} with admin report:s0 .* and 98\d more, in 0g+ and 999 more$/);
    expect(target.length).toBeLessThan(500);
  });
});

describe('revoking', () => {
  test.each(['none', '0123456789abcdef', '__proto__', '%00'])('%j is no token', async (name) => {
    const { status, body } = await api.call('DELETE', `/api/v1/tokens/${name}`);
    expect([status, body.type]).toEqual([404, 'urn:gantry:problem:token-unknown']);
  });

  test("a token of the configuration is the configuration's", async () => {
    const { status, body } = await api.call('DELETE', '/api/v1/tokens/admin');
    expect([status, body.detail]).toEqual([422, "the token admin is the configuration's: take it out there"]);
  });
});

test('whoever is known may ask who that is', async () => {
  expect((await api.call('GET', '/api/v1/whoami')).body).toEqual({
    name: 'admin',
    scopes: ['admin'],
    groups: ['staff'],
  });
  expect((await api.call('GET', '/api/v1/whoami', { token: null })).status).toBe(401);
});
