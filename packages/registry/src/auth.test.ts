import { openRegistry } from './client.ts';
import { createInProcessRegistry, type InProcessOptions } from './in-process/in-process-registry.ts';
import { makeImage, makeLayer } from './in-process/image-maker.ts';
import type { RegistryOptions } from './options.ts';
import { caught } from './testing/caught.ts';
import { instantClock } from './testing/instant-clock.ts';
import { serve } from './testing/serve.ts';

const user = { username: 'bot', password: 'hunter2' };
const image = makeImage({
  platform: { os: 'linux', architecture: 'amd64' },
  layers: [makeLayer([{ path: '/a', content: 'a' }])],
});

/** A registry with one image under two names, and a client of it. */
async function open(upstream: InProcessOptions, options: Partial<RegistryOptions> = {}) {
  const registry = createInProcessRegistry(upstream);
  registry.push('team/app', image, '1', '2');
  registry.push('team/other', image, '1');
  const server = await registry.listen();
  const client = openRegistry({ name: 'builds', url: server.url, clock: instantClock(), ...options });
  return {
    registry,
    client,
    paths: () => registry.requests.map(({ path, status }) => `${path.split('?')[0]} ${status}`),
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe('Basic', () => {
  test('a user is sent once the registry has asked for one, and from then on at once', async () => {
    await using it = await open({ authentication: { basic: user } }, { credentials: user });
    await it.client.head('team/app', '1');
    await it.client.head('team/app', '2');
    expect(it.paths()).toEqual([
      '/v2/team/app/manifests/1 401',
      '/v2/team/app/manifests/1 200',
      '/v2/team/app/manifests/2 200',
    ]);
  });

  test('many first calls wait until one of them has learnt what is asked for', async () => {
    await using it = await open({ authentication: { basic: user } }, { credentials: user });
    await Promise.all(Array.from({ length: 30 }, () => it.client.head('team/app', '1')));
    expect(it.registry.requests.filter(({ status }) => status === 401)).toHaveLength(1);
  });

  test.each([
    [undefined, 'asks for a user: set credentials.username'],
    [
      { username: 'bot', password: 'wrong-one' },
      'refuses the credentials for the manifest team/app:1 (401): check credentials.username',
    ],
    [{ token: 'wrong-one' }, 'refuses the token: check credentials.tokenFile'],
  ])(
    'without the right user (%j) the source refuses, and says which setting to look at',
    async (wrong, words) => {
      await using it = await open(
        { authentication: { basic: user } },
        wrong === undefined ? {} : { credentials: wrong },
      );
      const fault = await caught(it.client.manifest('team/app', '1'));
      expect([fault.code, fault.details['source']]).toEqual(['SOURCE_REFUSED', 'builds']);
      expect(fault.message).toContain(words);
      expect(fault.message).not.toContain('wrong-one');
      expect(it.registry.requests.length).toBeLessThanOrEqual(2);
    },
  );
});

describe('Bearer', () => {
  test('tokens are had once a repository, however many calls want one', async () => {
    await using it = await open({ authentication: { bearer: { credentials: user } } }, { credentials: user });
    await Promise.all(
      ['team/app', 'team/other'].flatMap((name) =>
        Array.from({ length: 20 }, () => it.client.head(name, '1')),
      ),
    );
    const scopes = it.registry.requests
      .filter(({ path }) => path.startsWith('/token'))
      .map(({ path }) => new URL(path, 'http://x').searchParams.get('scope'));
    expect(scopes).toHaveLength(2);
    expect(new Set(scopes)).toEqual(new Set(['repository:team/app:pull', 'repository:team/other:pull']));
    expect(it.registry.requests.filter(({ status }) => status === 401)).toHaveLength(1);
  });

  test('tokens are had without a user too', async () => {
    await using it = await open({ authentication: { bearer: {} } });
    expect((await it.client.head('team/app', '1'))?.digest).toBe(image.digest);
  });

  test('a token is renewed before its end', async () => {
    const clock = instantClock();
    await using it = await open(
      { authentication: { bearer: { ttlSeconds: 300 } }, now: () => clock.now() },
      { clock },
    );
    await it.client.head('team/app', '1');
    clock.advance(289_000);
    await it.client.head('team/app', '1');
    clock.advance(2_000);
    await it.client.head('team/app', '1');
    expect(it.paths()).toEqual([
      '/v2/team/app/manifests/1 401',
      '/token 200',
      '/v2/team/app/manifests/1 200',
      '/v2/team/app/manifests/1 200',
      '/token 200',
      '/v2/team/app/manifests/1 200',
    ]);
  });

  test('a token that is refused in the middle of a run is replaced, once for all who held it', async () => {
    await using it = await open({ authentication: { bearer: { credentials: user } } }, { credentials: user });
    await it.client.head('team/app', '1');
    it.registry.expireTokens();
    it.registry.forgetRequests();
    await Promise.all(Array.from({ length: 10 }, () => it.client.manifest('team/app', '1')));
    expect(it.paths().filter((path) => path.startsWith('/token'))).toEqual(['/token 200']);
  });

  test('a registry that refuses every token is asked twice and no more', async () => {
    const upstream = createInProcessRegistry();
    await using server = await serve((request, response) => {
      if (request.url?.startsWith('/token')) return upstream.handler(request, response);
      const realm = `http://${request.headers.host}/token`;
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",scope="s"` }).end();
    });
    await using client = openRegistry({ name: 'builds', url: server.url });
    const fault = await caught(client.head('team/app', '1'));
    expect(fault.code).toBe('SOURCE_REFUSED');
    expect(fault.message).toContain('set credentials of this source');
    expect(server.seen.map(({ url }) => url.split('?')[0])).toEqual([
      '/v2/team/app/manifests/1',
      '/token',
      '/v2/team/app/manifests/1',
    ]);
  });

  test('the scope that the registry names is the one that is asked for', async () => {
    const scopes: (string | null)[] = [];
    await using server = await serve((request, response) => {
      const url = new URL(request.url ?? '', 'http://x');
      if (url.pathname === '/token') {
        scopes.push(url.searchParams.get('scope'));
        response.end(JSON.stringify({ access_token: `for-${url.searchParams.get('scope')}` }));
      } else if (request.headers.authorization === 'Bearer for-repository:prefix/team/app:pull') {
        response.writeHead(404).end();
      } else {
        const challenge = `Bearer realm="http://${request.headers.host}/token",scope="repository:prefix/team/app:pull"`;
        response.writeHead(401, { 'www-authenticate': challenge }).end();
      }
    });
    await using client = openRegistry({ name: 'builds', url: server.url });
    expect(await client.head('team/app', '1')).toBeUndefined();
    expect(await client.head('team/app', '2')).toBeUndefined();
    expect(scopes).toEqual(['repository:prefix/team/app:pull']);
  });

  test('a token from the configuration is sent as it is, from the first request on', async () => {
    await using server = await serve((_, response) => void response.writeHead(404).end());
    await using client = openRegistry({ name: 'builds', url: server.url, credentials: { token: 'abc' } });
    await client.head('team/app', '1');
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer abc']);
  });
});

/** A registry that wants a token of `realm`, and what the realm was asked. */
const challenging = (realm: string) =>
  serve((_, response) => {
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="r"` }).end();
  });

describe('the token server', () => {
  test.each(['http://other.test/token', 'http://169.254.169.254/token', 'http://[::ffff:a9fe:a9fe]/'])(
    'is not asked at %s, which is not in the registry’s domain, and no credentials go there',
    async (realm) => {
      await using server = await challenging(realm);
      const asked: string[] = [];
      await using client = openRegistry({
        name: 'builds',
        url: server.url,
        credentials: user,
        onRequest: ({ host }) => asked.push(host),
      });
      const fault = await caught(client.head('team/app', '1'));
      expect(fault.code).toBe('SOURCE_ADDRESS_REFUSED');
      expect(fault.message).toContain('allow.realms');
      expect(asked).toEqual([`127.0.0.1:${server.port}`]);
      expect(server.seen[0]?.headers.authorization).toBeUndefined();
    },
  );

  test('in the registry’s domain may have an address of the registry’s kind, but not a special one', async () => {
    const tokens = createInProcessRegistry({ authentication: { bearer: { credentials: user } } });
    await using tokenServer = await serve(tokens.handler);
    await using server = await challenging(`http://auth.example.org:${tokenServer.port}/token`);
    const openWith = (address: string) =>
      openRegistry({
        name: 'builds',
        url: `http://registry.example.org:${server.port}`,
        credentials: user,
        resolve: (name) =>
          Promise.resolve([{ address: name.startsWith('auth') ? address : '127.0.0.1', family: 4 }]),
      });
    await using good = openWith('127.0.0.1');
    expect((await caught(good.head('team/app', '1'))).message).toContain('401');
    expect(tokenServer.seen).toHaveLength(1);
    for (const address of ['169.254.169.254', '10.0.0.1']) {
      await using bad = openWith(address);
      const fault = await caught(bad.head('team/app', '1'));
      expect([fault.code, tokenServer.seen.length]).toEqual(['SOURCE_ADDRESS_REFUSED', 1]);
    }
  });

  test('elsewhere is asked when the configuration names it', async () => {
    const registry = createInProcessRegistry({
      authentication: { bearer: { credentials: user, realm: 'http://tokens.test/token' } },
    });
    registry.push('team/app', image, '1');
    await using server = await registry.listen();
    const realmOf = `tokens.test:${server.port}`;
    const moved = createInProcessRegistry({
      authentication: { bearer: { credentials: user, realm: `http://${realmOf}/token` } },
    });
    moved.push('team/app', image, '1');
    await using second = await serve((request, response) =>
      request.headers.host === realmOf
        ? registry.handler(request, response)
        : moved.handler(request, response),
    );
    await using client = openRegistry({
      name: 'builds',
      url: second.url,
      credentials: user,
      allow: { realms: ['tokens.test'] },
      resolve: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
    });
    const fault = await caught(client.head('team/app', '1'));
    expect(fault.code).toBe('SOURCE_REFUSED'); // another registry's token, but it was fetched there
    expect(registry.requests.map(({ status }) => status)).toEqual([200]);
  });

  test.each([
    ['not JSON', 200, 'SOURCE_FAILED', 'not JSON'],
    ['{}', 200, 'SOURCE_FAILED', 'without a token'],
    ['{"token":"a b"}', 200, 'SOURCE_FAILED', 'without a token'],
    [`"${'x'.repeat(70_000)}"`, 200, 'SOURCE_FAILED', 'more than 65536 bytes'],
    ['', 404, 'SOURCE_FAILED', 'answered 404'],
    ['', 302, 'SOURCE_FAILED', 'answered 302'],
    ['', 403, 'SOURCE_REFUSED', 'gives no token without credentials'],
    ['', 429, 'TOOMANYREQUESTS', 'fewer requests'],
    ['', 503, 'SOURCE_FAILED', 'answered 503'],
  ])('that answers %j with %i is a %s', async (body, status, code, words) => {
    await using server = await serve((request, response) => {
      if (request.url?.startsWith('/token')) response.writeHead(status, { location: '/x' }).end(body);
      else {
        const challenge = `Bearer realm="http://${request.headers.host}/token"`;
        response.writeHead(401, { 'www-authenticate': challenge }).end();
      }
    });
    await using client = openRegistry({ name: 'builds', url: server.url, clock: instantClock() });
    const fault = await caught(client.head('team/app', '1'));
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(words);
    expect(server.seen).toHaveLength(status === 429 || status === 503 ? 6 : 2);
  });
});
