import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load, problemsOf } from './load.fixture.ts';
import { showConfiguration } from './show.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-access-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

const OIDC = `
api:
  oidc:
    - issuer: https://issuer.example.org/realms/main
      audience: gantry
      scopes: [{ claim: groups, value: release, scopes: ['promote:stable', read] }]
`;
const LDAP = `
api:
  ldap:
    url: ldaps://ldap.example.org
    bindDn: cn=gantry,dc=example,dc=org
    bindPasswordFile: ldap-password
    users: { base: 'ou=people,dc=example,dc=org' }
    groups: { base: 'ou=groups,dc=example,dc=org' }
    scopes: { release: ['promote:stable'] }
`;

/** What is warned of when `api.ldap` has that address. */
async function warningsOf(url: string, more = ''): Promise<readonly string[]> {
  return (await load(cwd, LDAP.replace('url: ldaps://ldap.example.org', `url: ${url}${more}`))).warnings;
}

describe('api.oidc', () => {
  test('needs an issuer, an audience and what a claim allows; the rest is filled in', async () => {
    const { configuration, warnings } = await load(cwd, OIDC);
    expect(configuration.api.oidc).toEqual([
      {
        name: 'oidc',
        issuer: 'https://issuer.example.org/realms/main',
        audience: ['gantry'],
        algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
        clockToleranceMs: 30_000,
        nameClaim: 'sub',
        groupsClaim: 'groups',
        scopes: [{ claim: 'groups', value: 'release', scopes: ['promote:stable', 'read'] }],
      },
    ]);
    expect(warnings).toEqual([]);
  });

  test.each([
    ['algorithms: [none]', 'gantry.yaml:7:20: api.oidc[0].algorithms[0]: "none" is none of RS256, '],
    ['algorithms: [HS256]', 'api.oidc[0].algorithms[0]: "HS256" is none of RS256, '],
    ['clockTolerance: 1h', 'api.oidc[0].clockTolerance: "1h" is too long: 5m at the most'],
    ['jwksUri: http://issuer.example.org/keys', 'is plain http beyond loopback'],
    ['name: ldap', 'api.oidc[0].name: "ldap" is what names of LDAP users begin with'],
    ['audiences: x', 'api.oidc[0].audiences: unknown key; did you mean audience?'],
  ])('%s', async (line, problem) => {
    const problems = await problemsOf(cwd, `${OIDC.trimEnd()}\n      ${line}\n`);
    expect(problems.join('\n')).toContain(problem);
  });

  test('an issuer beyond loopback has https; on loopback it need not', async () => {
    const issuer = 'https://issuer.example.org/realms/main';
    expect(await problemsOf(cwd, OIDC.replace(issuer, 'http://issuer.example.org'))).toEqual([
      expect.stringContaining('is plain http beyond loopback, where others could answer in its place'),
    ]);
    expect(await problemsOf(cwd, OIDC.replace(issuer, 'http://127.0.0.1:8080/realm'))).toEqual([]);
  });

  test('two issuers have names of their own, so that their callers do', async () => {
    const two = `${OIDC}    - issuer: https://other.example.org
      audience: [gantry, 'https://gantry.example.org']
      scopes: [{ claim: sub, value: bot, scopes: [read] }]
`;
    expect(await problemsOf(cwd, two)).toEqual([
      expect.stringContaining('api.oidc[1].name: "oidc" is the name of oidc[0] too: each needs its own'),
    ]);
    expect(
      await problemsOf(
        cwd,
        two.replace('    - issuer: https://other', '    - name: other\n      issuer: https://other'),
      ),
    ).toEqual([]);
  });

  test('a scope names a channel that there is', async () => {
    expect(await problemsOf(cwd, OIDC.replace('promote:stable', 'promote:stabel'))).toEqual([
      'gantry.yaml:6:58: api.oidc[0].scopes[0].scopes[0]: "promote:stabel" names no channel: there are testing, stable',
    ]);
  });
});

describe('api.ldap', () => {
  test('needs a server, where to look, and what groups allow; the rest is filled in', async () => {
    const { configuration, warnings } = await load(cwd, LDAP);
    expect(configuration.api.ldap).toEqual({
      url: 'ldaps://ldap.example.org',
      startTls: false,
      bind: {
        dn: 'cn=gantry,dc=example,dc=org',
        password: expect.objectContaining({ file: path.join(cwd, 'ldap-password') }),
      },
      users: { base: 'ou=people,dc=example,dc=org', filter: '(uid={user})', name: 'uid' },
      groups: { base: 'ou=groups,dc=example,dc=org', filter: '(member={dn})', name: 'cn' },
      scopes: { release: ['promote:stable'] },
      timeoutMs: 5000,
    });
    expect(warnings).toEqual([]);
  });

  test.each([
    [
      'url: ldaps://ldap.example.org',
      'url: https://ldap.example.org',
      'is not the address of an LDAP server',
    ],
    [
      'url: ldaps://ldap.example.org',
      'url: ldaps://ldap.example.org/dc=x',
      'has more than a host and a port',
    ],
    ['url: ldaps://ldap.example.org', 'url: ldaps://a:b@ldap.example.org', 'holds credentials'],
    ['    bindPasswordFile: ldap-password\n', '', 'api.ldap: is not complete: it needs bindPasswordFile'],
    ['    bindDn: cn=gantry,dc=example,dc=org\n', '', 'bindPasswordFile without bindDn'],
    ['bindDn: cn=gantry,dc=example,dc=org', 'bindDn: EXTERNAL', '"EXTERNAL" is not a DN'],
    ["users: { base: 'ou", "users: { filter: 'uid={user}', base: 'ou", 'parentheses go around it'],
    [
      "users: { base: 'ou",
      "users: { filter: '(uid=x)', base: 'ou",
      'has no {user}, so it would find the same for everybody',
    ],
    [
      "users: { base: 'ou",
      "users: { filter: '(uid={usr})', base: 'ou",
      'has {usr}, which is nothing: {user} is',
    ],
    ["users: { base: 'ou", "users: { filter: '(uid={user}))', base: 'ou", 'in pairs'],
    ["groups: { base: 'ou", "groups: { filter: '(uid={group})', base: 'ou", '{dn} or {user} is'],
    ['scopes: { release', 'scopes: {}\n    x: { release', 'so nobody could do anything'],
    ["['promote:stable']", '[]', 'api.ldap.scopes.release: a list is empty, so it would allow nothing'],
    ["['promote:stable']", '[promote:none]', 'names no channel'],
    ['users: {', 'startTls: true\n    users: {', 'is for ldap://, and ldaps:// has TLS from the start'],
    ['users: {', 'timeout: 2m\n    users: {', 'is too long: 1m at the most'],
  ])('%j as %j', async (from, to, problem) => {
    expect(LDAP).toContain(from);
    expect((await problemsOf(cwd, LDAP.replace(from, to))).join('\n')).toContain(problem);
  });

  test.each(['(uid={user})', '(&(objectClass=person)(|(uid={user})(mail={user})))'])(
    '%s finds users',
    async (filter) => {
      expect(
        await problemsOf(cwd, LDAP.replace("users: { base: 'ou", `users: { filter: '${filter}', base: 'ou`)),
      ).toEqual([]);
    },
  );

  test('a password that stands in the file itself is shown nowhere', async () => {
    const text = LDAP.replace('bindPasswordFile: ldap-password', 'bindPassword: hunter2');
    const { configuration } = await load(cwd, text);
    expect(showConfiguration(configuration)).not.toContain('hunter2');
    expect((await problemsOf(cwd, text.replace('hunter2', '[hunter2]'))).join('\n')).not.toContain('hunter2');
  });

  test('without TLS beyond loopback it is warned of', async () => {
    expect(await warningsOf('ldap://ldap.example.org')).toEqual([
      'gantry.yaml:4:10: api.ldap.url: "ldap://ldap.example.org" has no TLS, so passwords can be read on the way there: write ldaps://, or startTls: true',
    ]);
    expect(await warningsOf('ldap://ldap.example.org', '\n    startTls: true')).toEqual([]);
    expect(await warningsOf('ldap://127.0.0.1:3890')).toEqual([]);
    expect(await warningsOf('ldap://[::1]:3890')).toEqual([]);
  });
});

test.each([
  ['admin', "the administrator's own token is called"],
  ['local', 'commands with --local are called'],
])('nobody else is called %s', async (name, what) => {
  const problems = await problemsOf(
    cwd,
    `api: { tokens: [{ name: ${name}, tokenFile: x, scopes: [read] }] }`,
  );
  expect(problems.join('\n')).toContain(`api.tokens[0].name: "${name}" is what ${what}: choose another`);
});

test('what is shown is a configuration again, with secrets as files', async () => {
  const text = `${OIDC.trimEnd()}\n${LDAP.replace('\napi:\n', '')}  tokens:
    - { name: ci, tokenFile: ci-token, scopes: [read], groups: [builders] }
`;
  const first = await load(cwd, text);
  const second = await load(cwd, showConfiguration(first.configuration));
  expect(JSON.stringify(second.configuration)).toBe(JSON.stringify(first.configuration));
  expect(first.configuration.api.tokens[0]?.groups).toEqual(['builders']);
});
