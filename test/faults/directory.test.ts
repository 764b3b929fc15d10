import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { type Authenticator, type LdapConfiguration, openLdap } from '@gantry/service';
import { makeAuthority } from '../servers/certificates.ts';
import { needs } from '../servers/parts.ts';
import { BASE, people, READER, type Slapd, startSlapd } from '../servers/slapd.ts';
import { temporaryFolder, type TemporaryFolder } from '../servers/temporary-folder.ts';

let slapd: Slapd;
let folder: TemporaryFolder;
const real = needs('slapd').showing(() => [slapd]);

const USERS = {
  alice: 'wonder land:1',
  bob: 'builder',
  'm*ad(hatter)': 'tea',
  'back\\slash': 'oh',
  Zoë: 'dotted',
};
const GROUPS = { release: ['alice'], staff: ['alice', 'bob', 'm*ad(hatter)'], empty: ['nobody'] };
const authority = makeAuthority('directory authority');

real.beforeAll(async () => {
  folder = await temporaryFolder('directory');
  await writeFile(path.join(folder.path, 'ca.pem'), authority.cert);
  const twins = ['a', 'b'].map(
    (ou) =>
      `dn: ou=${ou},ou=people,${BASE}\nobjectClass: organizationalUnit\nou: ${ou}\n\ndn: uid=twin,ou=${ou},ou=people,${BASE}\nobjectClass: inetOrgPerson\nuid: twin\ncn: twin\nsn: twin\nuserPassword: same`,
  );
  const manyNames = `dn: uid=carol,ou=people,${BASE}\nobjectClass: inetOrgPerson\nuid: carol\nuid: caroline\ncn: carol\nsn: carol\nuserPassword: sings`;
  const withoutPassword = `dn: uid=dave,ou=people,${BASE}\nobjectClass: inetOrgPerson\nuid: dave\ncn: dave\nsn: dave`;
  slapd = await startSlapd({
    tls: authority,
    entries: [ldif(people(USERS, GROUPS)), ...twins, manyNames, withoutPassword].join('\n\n'),
  });
});
real.afterAll(async () => {
  await slapd[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** In a DN a backslash is written twice, and LDIF has what is not ASCII as it is. */
function ldif(text: string): string {
  return text.replaceAll('dn: uid=back\\slash', 'dn: uid=back\\\\slash');
}

function open(changed: Partial<LdapConfiguration> = {}): Promise<Authenticator> {
  return openLdap({
    url: slapd.url,
    startTls: false,
    bind: {
      dn: READER.dn,
      password: { key: 'api.ldap.bindPassword', read: () => Promise.resolve(READER.password) },
    },
    users: { base: `ou=people,${BASE}`, filter: '(uid={user})', name: 'uid' },
    groups: { base: `ou=groups,${BASE}`, filter: '(member={dn})', name: 'cn' },
    scopes: { release: ['promote:stable', 'read'], staff: ['read', 'sync'] },
    timeoutMs: 5000,
    ...changed,
  });
}

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

describe('a user of the directory', () => {
  real.test('is known by name and password, with what the groups allow', async () => {
    expect(await (await open()).identify(basic('alice', 'wonder land:1'))).toEqual({
      name: 'ldap:alice',
      scopes: ['promote:stable', 'read', 'sync'],
      groups: ['release', 'staff'],
    });
  });

  real.test('is called as the directory does, however the name was typed', async () => {
    const authenticator = await open();
    for (const typed of ['ALICE', ' alice ', 'Alice'])
      expect((await authenticator.identify(basic(typed, 'wonder land:1')))?.name).toBe('ldap:alice');
  });

  for (const [user, password] of Object.entries(USERS)) {
    real.test(`${user} is found letter for letter`, async () => {
      expect((await (await open()).identify(basic(user, password)))?.name).toBe(`ldap:${user}`);
    });
  }

  real.test('is in the groups that have the DN, whatever stands in it', async () => {
    const identity = await (await open()).identify(basic('m*ad(hatter)', 'tea'));
    expect(identity?.groups).toEqual(['staff']);
  });

  const secured: Readonly<Record<string, () => Partial<LdapConfiguration>>> = {
    StartTLS: () => ({ url: slapd.url, startTls: true }),
    ldaps: () => ({ url: slapd.tlsUrl }),
  };
  for (const [name, address] of Object.entries(secured)) {
    real.test(`over ${name}, by the authority of the configuration`, async () => {
      const caFile = path.join(folder.path, 'ca.pem');
      const known = await open({ ...address(), caFile });
      expect((await known.identify(basic('bob', 'builder')))?.name).toBe('ldap:bob');
      const before = (await slapd.binds()).length;
      const unknown = await open(address());
      await expect(unknown.identify(basic('bob', 'builder'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect((await slapd.binds()).length).toBe(before); // no password was said to a stranger
    });
  }

  real.test('is remembered for a while: the directory is asked once, also by many at once', async () => {
    const authenticator = await open();
    const before = (await slapd.filters()).length;
    await Promise.all(Array.from({ length: 20 }, () => authenticator.identify(basic('bob', 'builder'))));
    await authenticator.identify(basic('bob', 'builder'));
    expect((await slapd.filters()).slice(before)).toEqual([
      '(uid=bob)',
      '(member=uid=bob,ou=people,dc=example,dc=org)',
    ]);
    expect(await authenticator.identify(basic('bob', 'Builder'))).toBeUndefined();
  });
});

describe('attacks: nobody is let in, and one literal search is all that is asked', () => {
  const searched: readonly (readonly [user: string, filter: string])[] = [
    ['*', '(uid=\\2A)'],
    ['al*', '(uid=al\\2A)'],
    ['*)(uid=*))(|(uid=*', '(uid=\\2A\\29\\28uid=\\2A\\29\\29\\28|\\28uid=\\2A)'],
    ['alice)(userPassword=*', '(uid=alice\\29\\28userPassword=\\2A)'],
    ['alice\u0000', '(uid=alice\\00)'],
    ['\u0000', '(uid=\\00)'],
    ['\\2a', '(uid=\\5C2a)'],
    ['alice\\', '(uid=alice\\5C)'],
    ['{dn}', '(uid={dn})'],
    ['$&', '(uid=$&)'],
    [`uid=alice,ou=people,${BASE}`, `(uid=uid=alice,ou=people,${BASE})`],
    ['nobody', '(uid=nobody)'],
  ];
  for (const [user, filter] of searched) {
    real.test(`user ${JSON.stringify(user)}`, async () => {
      const authenticator = await open();
      const [searches, binds] = [(await slapd.filters()).length, (await slapd.binds()).length];
      expect(await authenticator.identify(basic(user, 'wonder land:1'))).toBeUndefined();
      const asked = (await slapd.filters()).slice(searches);
      expect(asked.map((one) => one.toLowerCase())).toEqual([filter.toLowerCase()]);
      expect((await slapd.binds()).slice(binds)).toEqual([READER.dn]);
    });
  }

  real.test(
    'an empty password is refused before anything is asked, though this server would say yes',
    async () => {
      const authenticator = await open();
      const before = await slapd.requests();
      for (const user of ['alice', 'dave', '', 'nobody'])
        expect(await authenticator.identify(basic(user, ''))).toBeUndefined();
      expect(await authenticator.identify(basic('', 'wonder land:1'))).toBeUndefined();
      expect(await slapd.requests()).toEqual(before);
    },
  );

  const refused: readonly (readonly [name: string, user: string, password: string])[] = [
    ['a wrong password', 'alice', 'wonder land'],
    ["somebody else's password", 'alice', 'builder'],
    ['a password that is a filter', 'alice', '*'],
    ['a user without a password', 'dave', 'x'],
    ['a name that two have', 'twin', 'same'],
    ['a user with two names', 'carol', 'sings'],
    ['who looks users up', 'gantry', READER.password],
    ['a password that is too long', 'alice', 'x'.repeat(2000)],
    ['a name that is too long', 'x'.repeat(2000), 'x'],
  ];
  for (const [name, user, password] of refused) {
    real.test(name, async () => {
      expect(await (await open()).identify(basic(user, password))).toBeUndefined();
    });
  }

  for (const header of [
    undefined,
    '',
    'Basic',
    'Basic !!!',
    `Basic ${Buffer.from('alice').toString('base64')}`,
    `Basic ${Buffer.from([0x61, 0xff, 0x3a, 0x62]).toString('base64')}`,
    'Bearer YWxpY2U6d29uZGVyIGxhbmQ6MQ==',
  ]) {
    real.test(`${JSON.stringify(header)} holds no name and password`, async () => {
      const authenticator = await open();
      const before = await slapd.requests();
      expect(await authenticator.identify(header)).toBeUndefined();
      expect(await slapd.requests()).toEqual(before);
    });
  }
});

describe('a directory that does not answer: never a yes, and no no', () => {
  const unavailable = {
    code: 'UNAVAILABLE',
    message: 'users can not be looked up in the directory just now',
    cause: { message: expect.stringMatching(/^ldap:\/\/127\.0\.0\.1:\d+: ./) },
  };

  real.test('is down, and known once it is back', async () => {
    const authenticator = await open();
    await slapd.stop();
    try {
      await expect(authenticator.identify(basic('alice', 'wonder land:1'))).rejects.toMatchObject(
        unavailable,
      );
    } finally {
      await slapd.start();
    }
    expect(await authenticator.identify(basic('alice', 'wonder land:1'))).toBeDefined();
  });

  real.test('hangs: a look-up ends in time', async () => {
    const authenticator = await open({ timeoutMs: 300 });
    process.kill(slapd.pid(), 'SIGSTOP');
    try {
      await expect(authenticator.identify(basic('alice', 'wonder land:1'))).rejects.toMatchObject({
        cause: { message: expect.stringContaining('no answer within 0.3 s') },
      });
    } finally {
      process.kill(slapd.pid(), 'SIGCONT');
    }
  });

  const wrong: Readonly<Record<string, Partial<LdapConfiguration>>> = {
    'does not let in who looks users up': {
      bind: { dn: READER.dn, password: { key: '', read: async () => 'no' } },
    },
    'has no such place for users': {
      users: { base: 'ou=none,dc=example,dc=org', filter: '(uid={user})', name: 'uid' },
    },
    'has no such place for groups': {
      groups: { base: 'ou=none,dc=example,dc=org', filter: '(member={dn})', name: 'cn' },
    },
  };
  for (const [name, changed] of Object.entries(wrong)) {
    real.test(name, async () => {
      const authenticator = await open(changed);
      await expect(authenticator.identify(basic('alice', 'wonder land:1'))).rejects.toMatchObject(
        unavailable,
      );
    });
  }

  const strangers: Readonly<Record<string, (socket: Socket) => void>> = {
    'ends each connection': (socket) => socket.destroy(),
    'speaks another language': (socket) => socket.end('SSH-2.0-x\r\n'),
    'says nothing': () => undefined,
  };
  for (const [name, behave] of Object.entries(strangers)) {
    real.test(name, async () => {
      const server = createServer((socket) => {
        socket.on('error', () => undefined).resume();
        behave(socket);
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      try {
        for (const startTls of [false, true]) {
          const authenticator = await open({ url: `ldap://127.0.0.1:${port}`, startTls, timeoutMs: 300 });
          await expect(authenticator.identify(basic('alice', 'x'))).rejects.toMatchObject(unavailable);
        }
      } finally {
        await new Promise((resolve) => server.close(resolve));
      }
    });
  }

  real.test(
    'loses the connection on the way: no password goes out on a second one, which has no TLS',
    async () => {
      // Between Gantry and the server: it cuts the connection when the answer to StartTLS has come.
      const said: string[] = [];
      const between = createServer((near) => {
        const far = connect(Number(new URL(slapd.url).port), '127.0.0.1');
        near.on('data', (bytes) => said.push(bytes.toString('latin1')));
        near.pipe(far).on('error', () => undefined);
        far.once('data', (bytes) => near.end(bytes));
        near.on('error', () => undefined);
      }).listen(0, '127.0.0.1');
      await once(between, 'listening');
      try {
        const { port } = between.address() as AddressInfo;
        const authenticator = await open({
          url: `ldap://127.0.0.1:${port}`,
          startTls: true,
          caFile: path.join(folder.path, 'ca.pem'),
          timeoutMs: 1000,
        });
        await expect(authenticator.identify(basic('alice', 'wonder land:1'))).rejects.toMatchObject(
          unavailable,
        );
        expect(said.join('')).not.toContain('wonder land:1');
        expect(said.join('')).not.toContain(READER.password);
      } finally {
        await new Promise((resolve) => between.close(resolve));
      }
    },
  );

  real.test('a filter that no server would take is told at the start', async () => {
    await expect(
      open({ users: { base: BASE, filter: '(uid={user}=)(', name: 'uid' } }),
    ).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringContaining('api.ldap.users.filter'),
    });
  });
});
