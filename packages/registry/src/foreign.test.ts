import type { IncomingHttpHeaders } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { openRegistry } from './client.ts';
import * as faults from './in-process/faults.ts';
import { createInProcessRegistry, type Intercept } from './in-process/in-process-registry.ts';
import type { RegistryOptions } from './options.ts';
import { bytesOf, caught } from './testing/caught.ts';
import { selfSigned } from './testing/certificate.ts';
import { instantClock } from './testing/instant-clock.ts';
import { serve } from './testing/serve.ts';

const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251));
const user = { username: 'bot', password: 'hunter2' };
const toLoopback = () => Promise.resolve([{ address: '127.0.0.1', family: 4 as const }]);
const openClient = (options: Partial<RegistryOptions> = {}) =>
  openRegistry({
    name: 'builds',
    url: 'http://registry.example.org',
    clock: instantClock(),
    environment: {},
    ...options,
  });

/** A server that has `/layer`. */
const layers = (intercept?: Intercept) => {
  const registry = createInProcessRegistry(intercept === undefined ? {} : { intercept });
  const { digest } = registry.putBlob('l', bytes);
  return serve((request, response) => {
    if (request.url?.startsWith('/layer') === true)
      request.url = `/v2/l/blobs/${digest}${request.url.slice(6)}`;
    registry.handler(request, response);
  });
};

const CREDENTIALS = ['authorization', 'cookie', 'proxy-authorization', 'referer'];
const credentialsIn = (headers: IncomingHttpHeaders | undefined) =>
  CREDENTIALS.filter((name) => headers?.[name] !== undefined);

describe('a foreign layer', () => {
  test('comes from a host that the configuration names, with its query and without credentials', async () => {
    await using server = await layers();
    for (const credentials of [user, { token: 'abc' }]) {
      await using client = openClient({ credentials, allow: { hosts: ['127.0.0.1'] } });
      const { offset, size, body } = await client.foreign(`${server.url}/layer?sig=1`);
      expect([offset, size]).toEqual([0, bytes.length]);
      expect((await bytesOf(body)).equals(bytes)).toBe(true);
    }
    for (const { headers } of server.seen) expect(credentialsIn(headers)).toEqual([]);
    expect(server.seen.map(({ headers }) => headers.host)).toEqual([
      `127.0.0.1:${server.port}`,
      `127.0.0.1:${server.port}`,
    ]);
  });

  test('goes on from a byte, and says its size', async () => {
    await using server = await layers();
    await using client = openClient({ allow: { hosts: ['127.0.0.1'] } });
    const { offset, size, body } = await client.foreign(`${server.url}/layer`, 99_990, {
      size: bytes.length,
    });
    expect([offset, size]).toEqual([99_990, bytes.length]);
    expect((await bytesOf(body)).equals(bytes.subarray(99_990))).toBe(true);
    const wrong = await caught(client.foreign(`${server.url}/layer`, 0, { size: 7 }));
    expect([wrong.code, wrong.details['layer']]).toEqual(['SIZE_INVALID', `${server.url}/layer`]);
    expect((await caught(client.foreign(`${server.url}/layer`, -1))).code).toBe('REQUEST_INVALID');
  });

  test('that breaks off can be had from there on', async () => {
    await using server = await layers(faults.only({ times: 1 }, faults.cut(40_000)));
    await using client = openClient({ allow: { hosts: ['127.0.0.1'] } });
    const { body } = await client.foreign(`${server.url}/layer?X-Sig=hunter3`);
    const fault = await caught(bytesOf(body));
    expect(fault.code).toBe('SOURCE_UNREACHABLE');
    expect(JSON.stringify([fault.message, fault.details])).not.toContain('hunter3');
    const rest = await client.foreign(`${server.url}/layer`, 40_000);
    expect((await bytesOf(rest.body)).equals(bytes.subarray(40_000))).toBe(true);
  });

  test('may lie at the registry’s own host, which then gets no credentials and no certificate either', async () => {
    await using server = await layers();
    await using client = openClient({ url: server.url, credentials: user });
    const { body } = await client.foreign(`${server.url}/layer`);
    expect((await bytesOf(body)).equals(bytes)).toBe(true);
    expect(credentialsIn(server.seen[0]?.headers)).toEqual([]);
  });

  test('that a user stands in the URL of is fetched without that user', async () => {
    await using server = await layers();
    await using client = openClient({ allow: { hosts: ['127.0.0.1'] } });
    const { body } = await client.foreign(`http://u:hunter3@127.0.0.1:${server.port}/layer#x`);
    await bytesOf(body);
    expect([credentialsIn(server.seen[0]?.headers), server.seen[0]?.url]).toEqual([[], '/layer']);
  });

  test.each([
    ['not a URL', 'at no URL'],
    ['/v2/x', 'at no URL'],
    ['file:///etc/passwd', 'at "file:", which is not HTTP'],
    ['data:text/plain,x', 'at "data:", which is not HTTP'],
    ['ftp://example.org/x', 'which is not HTTP'],
    ['http://127.0.0.1/x', 'not a public address: name the host in allow.hosts'],
    ['http://2130706433/x', 'not a public address'],
    ['http://0177.0.0.1/x', 'not a public address'],
    ['http://0x7f.1/x', 'not a public address'],
    ['http://0/x', 'not a public address'],
    ['http://[::ffff:169.254.169.254]/x', 'not a public address'],
    ['http://[::1]/x', 'not a public address'],
    ['http://169.254.169.254/latest/meta-data', 'not a public address'],
    ['http://localhost/x', 'not a public address'],
    ['http://LOCALHOST./x', 'not a public address'],
    ['http://a.localhost/x', 'not a public address'],
    ['http://10.0.0.1/x', 'not a public address'],
  ])('at %s is not asked for', async (url, words) => {
    const asked: string[] = [];
    await using client = openClient({ onRequest: ({ host }) => asked.push(host) });
    const fault = await caught(client.foreign(url));
    expect([fault.code, asked]).toEqual(['SOURCE_ADDRESS_REFUSED', []]);
    expect(fault.message).toContain(words);
  });

  test('at a name that has a private address is not asked for', async () => {
    await using server = await layers();
    await using client = openClient({ resolve: toLoopback });
    const fault = await caught(client.foreign(`http://layers.test:${server.port}/layer`));
    expect([fault.code, server.seen.length]).toEqual(['SOURCE_ADDRESS_REFUSED', 0]);
    expect(fault.message).toContain('layers.test, whose address 127.0.0.1 is not public');
  });

  test('without TLS is not asked for when the registry has TLS', async () => {
    await using client = openClient({ url: 'https://registry.example.org' });
    const fault = await caught(client.foreign('http://layers.example.org/layer'));
    expect(fault.code).toBe('SOURCE_ADDRESS_REFUSED');
    expect(fault.message).toContain('away from TLS');
  });

  test.each([
    ['the metadata service', faults.redirectToMetadata(), 'not a public address'],
    ['an address on this machine', faults.redirectTo('http://127.0.0.2/x'), 'not a public address'],
    ['a file', faults.redirectTo('file:///etc/passwd'), 'not HTTP'],
    ['where it came from', faults.redirectLoop(), 'in a circle'],
    ['ever further', faults.redirectHops(11), 'after 5 redirects'],
  ])('that redirects to %s is refused', async (_, fault, words) => {
    await using server = await layers(fault);
    await using client = openClient({ allow: { hosts: [`127.0.0.1:${server.port}`] } });
    const found = await caught(client.foreign(`${server.url}/layer`));
    expect(found.code).toBe('SOURCE_ADDRESS_REFUSED');
    expect(found.message).toContain(words);
  });

  test('that redirects to the registry gets there without credentials', async () => {
    const registry = createInProcessRegistry({ authentication: { basic: user } });
    await using own = await serve(registry.handler);
    await using server = await layers(faults.redirectTo(`${own.url}/v2/secret/blobs/sha256:x`));
    await using client = openClient({
      url: own.url,
      credentials: user,
      allow: { hosts: [`127.0.0.1:${server.port}`] },
    });
    const fault = await caught(client.foreign(`${server.url}/layer`));
    expect(fault.code).toBe('SOURCE_FAILED');
    expect(fault.message).toContain('which answered 401');
    expect(own.seen.map(({ headers }) => credentialsIn(headers))).toEqual([[]]);
  });

  test.each([
    [404, 'BLOB_UNKNOWN', 'there is no layer at http://127.0.0.1'],
    [401, 'SOURCE_FAILED', 'which answered 401'],
    [403, 'SOURCE_FAILED', 'which answered 403'],
    [429, 'TOOMANYREQUESTS', 'which answered 429'],
    [500, 'SOURCE_FAILED', 'which answered 500'],
  ])('that is answered %i is a %s', async (status, code, words) => {
    await using server = await layers(faults.errors(99, status));
    await using client = openClient({ allow: { hosts: ['127.0.0.1'] } });
    const fault = await caught(client.foreign(`${server.url}/layer?sig=hunter3`));
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(words);
    expect(JSON.stringify([fault.message, fault.details])).not.toContain('hunter3');
  });

  test('that was encoded on its way is refused', async () => {
    await using server = await layers(faults.withHeaders({ 'content-encoding': 'gzip' }));
    await using client = openClient({ allow: { hosts: ['127.0.0.1'] } });
    expect((await caught(client.foreign(`${server.url}/layer`))).message).toContain(
      'Content-Encoding "gzip"',
    );
  });

  test('is reported as what it is, and ends with its signal', async () => {
    const ending = new AbortController();
    const kinds: string[] = [];
    await using server = await layers(faults.stall(10));
    await using client = openClient({
      allow: { hosts: ['127.0.0.1'] },
      onRequest: ({ kind }) => kinds.push(kind),
    });
    const { body } = await client.foreign(`${server.url}/layer`, 0, { signal: ending.signal });
    const reading = bytesOf(body);
    ending.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    expect(kinds).toEqual(['foreign']);
  });

  test('over TLS is never shown the client’s certificate', async () => {
    const { key, cert } = selfSigned(['registry.example.org', 'layers.test']);
    const mine = selfSigned(['client']);
    const shown: boolean[] = [];
    await using server = await serve(
      (request, response) => {
        shown.push((request.socket as TLSSocket).getPeerX509Certificate() !== undefined);
        response.end(bytes);
      },
      { key, cert, requestCert: true, rejectUnauthorized: false },
    );
    await using client = openClient({
      url: `https://registry.example.org:${server.port}`,
      tls: { ca: cert, cert: mine.cert, key: mine.key },
      allow: { hosts: ['layers.test'] },
      resolve: toLoopback,
    });
    for (const host of ['layers.test', 'registry.example.org']) {
      await bytesOf((await client.foreign(`https://${host}:${server.port}/layer`)).body);
    }
    expect(shown).toEqual([false, false]);
  });
});
