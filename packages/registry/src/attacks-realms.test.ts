import { openRegistry } from './client.ts';
import { caught } from './testing/caught.ts';
import { selfSigned } from './testing/certificate.ts';
import { attacker, inside, NAME, openHostile, secretsIn, toLoopback, user } from './testing/hostile.ts';
import { serve } from './testing/serve.ts';

/** A hostile registry that names a token server, by the security reference: nothing is asked, or told, where it should not. */

describe('row 5: a token realm', () => {
  test.each(inside(0).map((_, at) => at))('inside the network (%i) is not asked', async (at) => {
    await using trap = await attacker();
    const realm = inside(trap.port)[at] ?? '';
    const asked: string[] = [];
    await using it = await openHostile(
      { authentication: { bearer: { realm } } },
      { onRequest: ({ host }) => asked.push(host) },
    );
    const fault = await caught(it.client.head('team/app', '1'));
    expect([fault.code, trap.seen, asked]).toEqual([
      'SOURCE_ADDRESS_REFUSED',
      [],
      [`${NAME}:${it.server.port}`],
    ]);
    expect(it.server.seen.map(({ headers }) => secretsIn(headers))).toEqual([[]]);
  });

  test('inside the network is not asked without credentials either', async () => {
    await using trap = await attacker();
    await using it = await openHostile({
      authentication: { bearer: { realm: `http://tokens.test:${trap.port}/t` } },
    });
    const url = `http://${NAME}:${it.server.port}`;
    await using client = openRegistry({ name: 'builds', url, resolve: toLoopback, environment: {} });
    const fault = await caught(client.head('team/app', '1'));
    expect([fault.code, trap.seen]).toEqual(['SOURCE_ADDRESS_REFUSED', []]);
  });

  test.each([
    (port: number) => `http://other.test:${port}/token`,
    (port: number) => `http://example.org.evil.test:${port}/token`,
    (port: number) => `http://evilexample.org:${port}/token`,
    (port: number) => `http://${NAME}@evil.test:${port}/token`,
    (port: number) => `http://evil.test:${port}/token?x=@${NAME}`,
    (port: number) => `//${NAME}@evil.test:${port}/token`,
    () => 'file:///etc/passwd',
    () => 'data:application/json,{"token":"x"}',
  ])('of another domain, or no http at all (case %#), is not asked', async (realmAt) => {
    await using trap = await attacker();
    await using it = await openHostile({ authentication: { bearer: { realm: realmAt(trap.port) } } });
    const fault = await caught(it.client.head('team/app', '1'));
    expect(['SOURCE_ADDRESS_REFUSED', 'SOURCE_FAILED']).toContain(fault.code);
    expect(trap.seen).toEqual([]);
    expect(it.server.seen).toHaveLength(1);
  });

  test('without TLS is not asked by a registry with TLS, not even at its own name', async () => {
    await using trap = await attacker();
    const { key, cert } = selfSigned([NAME]);
    await using server = await serve(
      (_, response) => {
        const challenge = `Bearer realm="http://${NAME}:${trap.port}/token"`;
        response.writeHead(401, { 'www-authenticate': challenge }).end();
      },
      { key, cert },
    );
    await using client = openRegistry({
      name: 'builds',
      url: `https://${NAME}:${server.port}`,
      credentials: user,
      tls: { ca: cert },
      resolve: toLoopback,
      environment: {},
    });
    const fault = await caught(client.head('team/app', '1'));
    expect([fault.code, trap.seen]).toEqual(['SOURCE_ADDRESS_REFUSED', []]);
    expect(fault.message).toContain('without TLS');
  });

  test('in the registry’s own domain is not asked at an address of another kind than the registry’s', async () => {
    await using trap = await attacker();
    for (const address of ['10.0.0.1', '169.254.169.254', '0.0.0.0', '::ffff:10.0.0.1', 'fe80::1']) {
      await using it = await openHostile(
        { authentication: { bearer: { realm: `http://auth.example.org:${trap.port}/token` } } },
        {
          resolve: (name) => Promise.resolve([{ address: name === NAME ? '127.0.0.1' : address, family: 4 }]),
        },
      );
      const fault = await caught(it.client.head('team/app', '1'));
      expect([fault.code, trap.seen]).toEqual(['SOURCE_ADDRESS_REFUSED', []]);
      expect(fault.message).toContain('auth.example.org, whose address');
    }
  });

  test('whose name changes its address is connected to at the address that was checked, or not at all', async () => {
    const lookups: string[] = [];
    await using good = await serve((_, response) => {
      response.writeHead(200, { connection: 'close' }).end('{"token":"t"}');
    });
    await using it = await openHostile(
      { authentication: { bearer: { realm: `http://auth.example.org:${good.port}/token` } } },
      {
        resolve(name) {
          if (name === NAME) return toLoopback();
          lookups.push(name);
          const address = lookups.length === 1 ? '127.0.0.1' : '169.254.169.254';
          return Promise.resolve([{ address, family: 4 }]);
        },
      },
    );
    // One lookup was checked and connected to: a second one would have led elsewhere.
    expect((await caught(it.client.head('team/app', '1'))).code).toBe('SOURCE_REFUSED'); // a made up token
    expect([good.seen.length, lookups.length]).toEqual([1, 1]);
    expect((await caught(it.client.head('team/app', '1'))).code).toBe('SOURCE_ADDRESS_REFUSED');
    expect([good.seen.length, lookups.length]).toEqual([1, 2]);
  });
});
