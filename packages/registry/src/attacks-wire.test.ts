import { inspect } from 'node:util';
import { openRegistry } from './client.ts';
import { parseChallenges } from './challenge.ts';
import * as faults from './in-process/faults.ts';
import { createInProcessRegistry } from './in-process/in-process-registry.ts';
import { nextLink } from './link.ts';
import type { RegistryOptions } from './options.ts';
import { readQuotas } from './rate-limit.ts';
import { readRetryAfter } from './retry.ts';
import { all, bytesOf, caught } from './testing/caught.ts';
import { attacker, CALLS, image, layer, openHostile, toLoopback, user } from './testing/hostile.ts';
import { instantClock } from './testing/instant-clock.ts';
import { serveRaw } from './testing/raw-server.ts';
import { serve } from './testing/serve.ts';

/** What a hostile registry writes into headers and errors, by the security reference, and how long it keeps a client. */

const openClient = (url: string, options: Partial<RegistryOptions> = {}) =>
  openRegistry({ name: 'builds', url, clock: instantClock(), environment: {}, ...options });

describe('row 2: line breaks', () => {
  test.each(['%0d%0aX-Injected:%20y', '%0aX-Injected:y', '%E5%98%8A%E5%98%8DX-Injected:y', '\tx', 'é\u00a0'])(
    'in a Location (%j) make no header',
    async (text) => {
      await using cdn = await attacker();
      const location = Buffer.from(`http://cdn.test:${cdn.port}/x${text}?y=${text}`).toString('latin1');
      await using it = await openHostile(
        { intercept: faults.redirectTo(location) },
        { allow: { hosts: ['cdn.test'] } },
      );
      await bytesOf((await it.client.blob('team/app', layer.digest)).body);
      expect(cdn.seen).toHaveLength(1);
      expect(Object.keys(cdn.seen[0]?.headers ?? {}).toSorted()).toEqual([
        'connection',
        'host',
        'user-agent',
      ]);
      expect(cdn.seen[0]?.url).toMatch(/^\/x[\x21-\x7e]*$/);
    },
  );

  test('in what a challenge says make no header, and no parameter of their own', async () => {
    await using it = await openHostile({
      authentication: { bearer: { realm: '/token' } },
    });
    const port = it.server.port;
    await using server = await serve((request, response) => {
      if (request.url?.startsWith('/token') === true) return response.writeHead(403).end();
      const scope = 'a&account=root&x=%0d%0aX-Injected:y';
      const realm = `http://${request.headers.host}/token?a=%0d%0aX-Injected:y`;
      return response
        .writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="s&t=u",scope="${scope}"` })
        .end();
    });
    await using client = openClient(server.url, { credentials: user });
    expect(port).not.toBe(server.port);
    await caught(client.head('team/app', '1'));
    const { url = '', headers = {} } = server.seen.at(-1) ?? {};
    const query = new URL(url, server.url).searchParams;
    expect([query.get('service'), query.getAll('account')]).toEqual(['s&t=u', ['bot']]);
    expect(headers['x-injected']).toBeUndefined();
  });

  test.each(['a\r\nX-Injected: y', 'a\nb', 'a\0b', 'é', ''])(
    'in a User-Agent (%j) are refused',
    (userAgent) => {
      expect(() => openClient('http://127.0.0.1:9', { userAgent })).toThrow(
        expect.objectContaining({ code: 'CONFIGURATION_INVALID' }),
      );
    },
  );
});

const long = (part: string) => part.repeat(Math.floor(16_000 / part.length));

describe('row 23: text that makes a search slow', () => {
  const nasty = [
    long('a'),
    long('"'),
    long('\\"'),
    long('<'),
    long('<>'),
    long('<a>; rel="'),
    long('<a>;rel=x;'),
    long(', '),
    long(' '),
    long('='),
    long('a=,'),
    long('a="b'),
    long('a;'),
    long('a;r=1'),
    long('"a";r=1;t=2,'),
    long('Bearer '),
    long('Bearer a='),
    long('1'),
    `1;${long('w')}`,
    `Sat, ${long('1 ')}`,
    `Bearer ${long('a')}!`,
    `"${long('\\')}`,
  ];

  test.each(nasty)('in a header (%.20s) is read in no time', (text) => {
    const found = [
      nextLink(text),
      parseChallenges(text),
      readQuotas({ ratelimit: text, 'ratelimit-remaining': text, 'ratelimit-reset': text }),
      readRetryAfter(text, text, 0),
    ];
    expect(found).toHaveLength(4);
  });

  test.each(['http://', 'https://a/', 'http://a?', 'Bearer ', 'Basic \t', 'Bearer a', '\u2028', 'x'])(
    'in an error (%j) is shown in no time, and not at length',
    async (part) => {
      await using server = await serve((_, response) => {
        const message = part.repeat(Math.floor(60_000 / JSON.stringify(part).length));
        response.writeHead(400).end(JSON.stringify({ errors: [{ code: 'X', message }] }));
      });
      await using client = openClient(server.url, { credentials: user });
      const fault = await caught(client.manifest('team/app', '1'));
      expect(fault.message.length).toBeLessThan(2000);
    },
  );

  test.each(['-a', '_', 'a_', 'a--', 'a__', 'a.', 'a/'])(
    'in a list of names (%s) is judged in no time',
    async (part) => {
      const names = [part.repeat(5000), `${'a'.repeat(10_000)}!`, `${part.repeat(120)}!`];
      await using server = await serve((_, response) => {
        response.end(JSON.stringify({ repositories: names, tags: names }));
      });
      await using client = openClient(server.url);
      const refused: string[] = [];
      await all(client.repositories({ onRefused: (name) => refused.push(name) }));
      expect(refused).toEqual(names);
    },
  );
});

const ok = 'HTTP/1.1 200 OK\r\n';
const answer = (body: string) =>
  `${ok}Content-Type: x/y\r\nContent-Length: ${body.length}\r\nConnection: keep-alive\r\n\r\n${body}`;

describe('row 25: an answer of two meanings', () => {
  test.each([
    ['two lengths', `${ok}Content-Length: 2\r\nContent-Length: 30\r\n\r\n{}`],
    ['a length and chunks', `${ok}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a space before a colon', `${ok}Content-Length : 2\r\n\r\n{}`],
    ['a line that goes on', `${ok}X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}`],
    ['a NUL in a header', `${ok}X: a\0b\r\nContent-Length: 2\r\n\r\n{}`],
    ['a length below zero', `${ok}Content-Length: -2\r\n\r\n{}`],
    ['a length with a sign', `${ok}Content-Length: +2\r\n\r\n{}`],
    ['a chunk of no size', `${ok}Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n`],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['headers without an end', `${ok}${'X: y\r\n'.repeat(20_000)}`],
  ])('(%s) is refused', async (_, bytes) => {
    await using server = await serveRaw(() => bytes);
    await using client = openClient(server.url);
    const fault = await caught(client.manifest('team/app', '1'));
    expect(fault.code).toBe('SOURCE_UNREACHABLE');
  });

  test('is not taken for the answer to the next request', async () => {
    await using server = await serveRaw((number) => answer(`"${number}"`) + answer('"smuggled"'));
    await using client = openClient(server.url);
    for (let call = 0; call < 5; call++) {
      const [result] = await Promise.allSettled([client.manifest('team/app', '1')]);
      const body = result?.status === 'fulfilled' ? result.value.bytes.toString() : 'refused';
      expect(body).not.toContain('smuggled');
    }
  });
});

describe('row 28: a secret', () => {
  test('stands in no error, however it came about', async () => {
    const secrets = [
      'hunter2',
      Buffer.from('bot:hunter2').toString('base64'),
      'sig-hunter3',
      'token-hunter4',
    ];
    const echo = JSON.stringify({
      errors: [
        {
          code: 'DENIED',
          message: `you sent ${secrets.join(' and Bearer ')} to https://x.test/?s=sig-hunter3`,
        },
      ],
    });
    const upstreams = [
      { intercept: faults.errors(99) },
      { intercept: faults.dropped() },
      { intercept: faults.tooMany() },
      { intercept: faults.redirectTo('http://10.0.0.1/x?sig=sig-hunter3') },
      { intercept: faults.redirectTo('http://u:hunter2@10.0.0.1/x') },
      { intercept: faults.redirectTo('http://x.test/x?sig=sig-hunter3') },
      { authentication: { basic: { username: 'bot', password: 'other' } } },
      { authentication: { bearer: { realm: 'http://u:hunter2@evil.test/?sig=sig-hunter3' } } },
      { authentication: { bearer: { credentials: { username: 'bot', password: 'other' } } } },
    ];
    const shown: string[] = [];
    for (const upstream of upstreams) {
      await using it = await openHostile(upstream);
      for (const [, call] of CALLS) shown.push(inspect(await caught(call(it.client)), { depth: 9 }));
    }
    for (const status of [400, 401, 403, 500]) {
      await using server = await serve((_, response) => void response.writeHead(status).end(echo));
      await using client = openClient(server.url, { credentials: user });
      shown.push(inspect(await caught(client.manifest('team/app', '1')), { depth: 9 }));
    }
    expect(shown.length).toBeGreaterThan(60);
    for (const text of shown)
      expect(secrets.slice(0, 3).filter((secret) => text.includes(secret))).toEqual([]);
    expect(shown.filter((text) => text.includes('token-hunter4'))).toEqual([]);
  });
});

describe('row 29: a forged line', () => {
  const forged = 'x\r\n2026-01-01 ERROR all is lost\u001b[2J\u2028\u202e\u0007';

  test('in an error of the registry is shown escaped, in one line', async () => {
    await using server = await serve((_, response) => {
      response.writeHead(400).end(JSON.stringify({ errors: [{ code: forged, message: forged }] }));
    });
    await using client = openClient(server.url);
    const { message } = await caught(client.manifest('team/app', '1'));
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(message).toContain('ERROR all is lost');
  });

  test('in a header that an error shows is escaped, too', async () => {
    for (const headers of [
      { 'content-encoding': 'a\u0085b\u00adc' },
      { location: 'http://x\u00ad.test:99999/' },
    ]) {
      await using server = await serve((_, response) => void response.writeHead(302, headers).end());
      await using client = openClient(server.url);
      const { message } = await caught(client.blob('team/app', layer.digest));
      expect(message).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }
  });
});

describe('row 30: a member that is no member', () => {
  test.each(CALLS)('in an answer to a %s changes nothing for others', async (_, call) => {
    const body =
      '{"__proto__":{"polluted":1,"tags":["a"],"token":"t"},"constructor":{"prototype":{"polluted":1}},"tags":["__proto__"],"repositories":["constructor"],"manifests":[]}';
    for (const status of [200, 400, 404]) {
      await using server = await serve((__, response) => {
        response.writeHead(status, { 'content-type': 'application/vnd.oci.image.index.v1+json' }).end(body);
      });
      await using client = openClient(server.url);
      await Promise.allSettled([call(client)]);
    }
    expect([({} as Record<string, unknown>)['polluted'], Object.keys(Object.prototype)]).toEqual([
      undefined,
      [],
    ]);
  });

  test('gives no token', async () => {
    await using server = await serve((request, response) => {
      if (request.url?.startsWith('/token') === true) return response.end('{"__proto__":{"token":"t"}}');
      const challenge = `Bearer realm="http://${request.headers.host}/token"`;
      return response.writeHead(401, { 'www-authenticate': challenge }).end();
    });
    await using client = openClient(server.url);
    expect((await caught(client.head('team/app', '1'))).message).toContain('without a token');
  });
});

describe('row 33: trouble', () => {
  test.each(CALLS)('with a %s is never taken for its absence', async (_, call) => {
    const troubles = [
      faults.tooMany(1),
      faults.tooMany(1, 503),
      faults.errors(99, 500),
      faults.errors(99, 502),
      faults.errors(99, 403),
      faults.dropped(),
      faults.redirectTo('http://127.0.0.2/'),
    ];
    for (const fault of troubles) {
      const registry = createInProcessRegistry({ intercept: fault });
      await using server = await registry.listen();
      await using client = openClient(server.url);
      const { code } = await caught(call(client));
      expect(code).not.toMatch(/UNKNOWN$/);
    }
  });

  test('in the middle of a list makes it no shorter list', async () => {
    const registry = createInProcessRegistry({
      pageSize: 1,
      intercept: faults.only({ path: /last=/ }, faults.errors(99, 500)),
    });
    registry.push('team/app', image, '1', '2');
    registry.push('team/other', image, '1');
    await using server = await registry.listen();
    await using client = openClient(server.url);
    expect((await caught(all(client.tags('team/app')))).code).toBe('SOURCE_FAILED');
    expect((await caught(all(client.repositories()))).code).toBe('SOURCE_FAILED');
  });
});

describe('row 34: a next page', () => {
  test.each([
    ['of a huge size', '?n=1000000000000000000', 2],
    ['of a size below zero', '?n=-1', 2],
    ['of no size', '?n=NaN', 2],
    ['with a long address', `?last=${'x'.repeat(8000)}`, 2],
  ])('%s is asked for as it is named, once', async (_, next, expected) => {
    await using server = await serve((__, response) => {
      response.writeHead(200, { link: `<${next}>; rel="next"` }).end('{"tags":["a"]}');
    });
    await using client = openClient(server.url);
    expect((await caught(all(client.tags('team/app')))).message).toContain('goes in a circle');
    expect(server.seen).toHaveLength(expected);
  });

  test('with an address of a megabyte is refused', async () => {
    const link = `Link: <?last=${'x'.repeat(1_000_000)}>; rel="next"\r\n`;
    await using server = await serveRaw(
      () => `HTTP/1.1 200 OK\r\n${link}Content-Length: 13\r\n\r\n{"tags":["a"]}`,
    );
    await using client = openClient(server.url);
    const fault = await caught(all(client.tags('team/app')));
    expect([fault.code, server.requests.length]).toEqual(['SOURCE_UNREACHABLE', 1]);
    expect(fault.message).toContain('headers that are too large');
  });

  test('at another host is refused, whatever its address', async () => {
    await using trap = await attacker();
    for (const host of [`127.0.0.1:${trap.port}`, `registry.example.org@127.0.0.1:${trap.port}`]) {
      await using server = await serve((_, response) => {
        response.writeHead(200, { link: `<http://${host}/x>; rel="next"` }).end('{"tags":["a"]}');
      });
      await using client = openClient(server.url, { allow: { hosts: ['127.0.0.1'] }, resolve: toLoopback });
      expect((await caught(all(client.tags('team/app')))).code).toBe('SOURCE_ADDRESS_REFUSED');
    }
    expect(trap.seen).toEqual([]);
  });
});
