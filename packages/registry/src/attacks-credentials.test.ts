import { createServer as createProxy, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { digestOf } from '@gantry/oci';
import { openRegistry } from './client.ts';
import * as faults from './in-process/faults.ts';
import type { InProcessOptions } from './in-process/in-process-registry.ts';
import type { RegistryOptions } from './options.ts';
import { bytesOf, caught } from './testing/caught.ts';
import { selfSigned } from './testing/certificate.ts';
import { attacker, layer, NAME, openHostile, secretsIn, toLoopback, user } from './testing/hostile.ts';
import { serve } from './testing/serve.ts';

/** Who gets to see a source's credentials, by the security reference: the registry alone. */

describe('row 8: credentials', () => {
  const challenges: readonly [string, Partial<RegistryOptions>, InProcessOptions][] = [
    ['a user by Basic', { credentials: user }, { authentication: { basic: user } }],
    ['a user by tokens', { credentials: user }, { authentication: { bearer: { credentials: user } } }],
    ['a token', { credentials: { token: 'abcdef' } }, {}],
  ];

  test.each(challenges)('(%s) do not go along to another host or port', async (_, options, upstream) => {
    for (const host of ['cdn.test', NAME]) {
      await using cdn = await attacker();
      const led = faults.redirectTo(`http://${host}:${cdn.port}/x?sig=1`);
      await using it = await openHostile(
        { ...upstream, intercept: faults.only({ path: /blobs/, authorized: true }, led) },
        { ...options, allow: { hosts: ['cdn.test'] } },
      );
      await bytesOf((await it.client.blob('team/app', layer.digest)).body);
      expect(cdn.seen.map(({ headers }) => secretsIn(headers))).toEqual([[]]);
      expect(it.server.seen.some(({ headers }) => secretsIn(headers).includes('authorization'))).toBe(true);
    }
  });

  test.each(challenges)('(%s) do not go along to another scheme', async (_, options, upstream) => {
    const { key, cert } = selfSigned([NAME]);
    const seen: IncomingHttpHeaders[] = [];
    await using secure = await serve(
      (request, response) => {
        seen.push(request.headers);
        response.end(layer.bytes);
      },
      { key, cert },
    );
    const led = faults.redirectTo(`https://${NAME}:${secure.port}/x`);
    await using it = await openHostile(
      { ...upstream, intercept: faults.only({ path: /blobs/, authorized: true }, led) },
      { ...options, tls: { ca: cert } },
    );
    await bytesOf((await it.client.blob('team/app', layer.digest)).body);
    expect(seen.map(secretsIn)).toEqual([[]]);
  });

  test('do not come back from elsewhere: who is led back to the registry is a stranger there', async () => {
    const back = Promise.withResolvers<string>();
    await using cdn = await serve((_, response) => {
      void back.promise.then((location) => response.writeHead(302, { location }).end());
    });
    const led = faults.redirectTo(`http://cdn.test:${cdn.port}/x`);
    await using it = await openHostile(
      { authentication: { basic: user }, intercept: faults.only({ path: /blobs/, authorized: true }, led) },
      { allow: { hosts: ['cdn.test'] } },
    );
    back.resolve(`http://${NAME}:${it.server.port}/v2/secret/blobs/${digestOf('x')}`);
    const fault = await caught(it.client.blob('team/app', layer.digest));
    expect([fault.code, fault.details['status']]).toEqual(['SOURCE_REFUSED', 401]);
    expect(it.server.seen.at(-1)?.url).toContain('/v2/secret/');
    expect(secretsIn(it.server.seen.at(-1)?.headers ?? {})).toEqual([]);
  });

  test('in a Location, and cookies, are not used', async () => {
    await using cdn = await attacker();
    await using it = await openHostile(
      { intercept: faults.only({ path: /blobs/ }, faults.redirectTo(`http://u:p@cdn.test:${cdn.port}/x`)) },
      { allow: { hosts: ['cdn.test'] } },
    );
    for (let times = 0; times < 2; times++)
      await bytesOf((await it.client.blob('team/app', layer.digest)).body);
    expect(cdn.seen.map(({ headers }) => secretsIn(headers))).toEqual([[], []]);
  });

  test('of a proxy are shown to the proxy alone, and names that it is to look up are checked here', async () => {
    const { key, cert } = selfSigned([NAME, 'cdn.test']);
    const seen: [string | undefined, string[]][] = [];
    const listener: RequestListener = ({ headers }, response) => {
      seen.push([headers.host?.split(':')[0], secretsIn(headers)]);
      if (headers.host?.startsWith('cdn.test') === true) response.end(layer.bytes);
      else response.writeHead(302, { location: 'https://cdn.test/x' }).end();
    };
    await using server = await serve(listener, { key, cert });
    const connects: [string | undefined, string | undefined][] = [];
    const proxy = createProxy().on('connect', ({ url, headers }, socket) => {
      connects.push([url, headers['proxy-authorization']]);
      const through = connect(server.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(through).pipe(socket);
      });
      socket.on('error', () => through.destroy());
      through.on('error', () => socket.destroy());
    });
    await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve));
    const HTTPS_PROXY = `http://px:hunter3@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const openBy = (hosts: string[], resolve: NonNullable<RegistryOptions['resolve']>) =>
      openRegistry({
        name: 'builds',
        url: `https://${NAME}`,
        credentials: { token: 'abcdef' },
        tls: { ca: cert },
        environment: { HTTPS_PROXY },
        allow: { hosts },
        resolve,
      });
    const basic = `Basic ${Buffer.from('px:hunter3').toString('base64')}`;
    {
      await using named = openBy(['cdn.test'], toLoopback);
      await bytesOf((await named.blob('team/app', layer.digest)).body);
      await using unknown = openBy([], () => Promise.reject(new Error('no names here')));
      await bytesOf((await unknown.blob('team/app', layer.digest)).body);
      const both = [
        [`${NAME}:443`, basic],
        ['cdn.test:443', basic],
      ];
      expect(connects).toEqual([...both, ...both]);
      const shown = [
        [NAME, ['authorization']],
        ['cdn.test', []],
      ];
      expect(seen).toEqual([...shown, ...shown]);

      await using inner = openBy([], toLoopback);
      const fault = await caught(inner.blob('team/app', layer.digest));
      expect(fault.code).toBe('SOURCE_ADDRESS_REFUSED');
      expect(fault.message).toContain('cdn.test, whose address 127.0.0.1 is not public');
      expect(connects).toHaveLength(5);
    }
    proxy.closeAllConnections();
    await new Promise((resolve) => void proxy.close(resolve));
  });
});
