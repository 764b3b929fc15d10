import { openRegistry } from './client.ts';
import * as faults from './in-process/faults.ts';
import { createInProcessRegistry } from './in-process/in-process-registry.ts';
import { caught } from './testing/caught.ts';
import { selfSigned } from './testing/certificate.ts';
import { attacker, CALLS, image, inside, layer, NAME, openHostile, toLoopback } from './testing/hostile.ts';
import { serve } from './testing/serve.ts';

/** A hostile registry that leads elsewhere, by the security reference: nobody is asked who should not be. */

describe('row 6: a foreign layer', () => {
  test('is not fetched but by the call that says so', async () => {
    await using trap = await attacker();
    const foreign = { ...layer, urls: [`http://127.0.0.1:${trap.port}/layer`] };
    const { digest, size, mediaType, urls } = foreign;
    const manifest = JSON.stringify({ layers: [{ digest, size, mediaType, urls }] });
    const registry = createInProcessRegistry();
    registry.putManifest('team/app', Buffer.from(manifest), image.mediaType, '1');
    await using server = await registry.listen();
    await using client = openRegistry({ name: 'builds', url: server.url });
    await client.manifest('team/app', '1');
    expect((await caught(client.blob('team/app', digest))).code).toBe('BLOB_UNKNOWN');
    expect(trap.seen).toEqual([]);
  });

  test.each(inside(0).map((_, at) => at))('inside the network (%i) is not fetched', async (at) => {
    await using trap = await attacker();
    await using it = await openHostile({});
    const fault = await caught(it.client.foreign(inside(trap.port)[at] ?? ''));
    expect([fault.code, trap.seen]).toEqual(['SOURCE_ADDRESS_REFUSED', []]);
  });

  test('at a name whose address is checked is connected to there or not at all, and no credentials go along', async () => {
    await using trap = await attacker();
    const lookups: string[] = [];
    await using it = await openHostile(
      {},
      {
        resolve(name) {
          lookups.push(name);
          return toLoopback();
        },
      },
    );
    const fault = await caught(it.client.foreign(`http://layers.test:${trap.port}/x`));
    expect([fault.code, trap.seen, lookups]).toEqual(['SOURCE_ADDRESS_REFUSED', [], ['layers.test']]);
  });
});

describe('row 7: a redirect', () => {
  test.each(inside(0).map((_, at) => at))('into the network (%i) is not followed', async (at) => {
    await using trap = await attacker();
    await using it = await openHostile({ intercept: faults.redirectTo(inside(trap.port)[at] ?? '', 302) });
    const fault = await caught(it.client.blob('team/app', layer.digest));
    expect([fault.code, trap.seen]).toEqual(['SOURCE_ADDRESS_REFUSED', []]);
    expect(fault.message).toContain('not a public address');
  });

  test.each(CALLS)('of a %s to a name inside the network is not followed', async (_, call) => {
    await using trap = await attacker();
    await using it = await openHostile({
      intercept: faults.redirectTo(`http://cdn.test:${trap.port}/x`, 302),
    });
    const fault = await caught(call(it.client));
    expect([fault.code, trap.seen]).toEqual(['SOURCE_ADDRESS_REFUSED', []]);
    expect(fault.message).toContain('cdn.test, whose address 127.0.0.1 is not public');
  });

  test.each([
    ['file:///etc/passwd', 'not HTTP'],
    ['data:text/plain,x', 'not HTTP'],
    ['gopher://evil.test/x', 'not HTTP'],
    ['javascript:alert(1)', 'not HTTP'],
    ['ftp://evil.test/x', 'not HTTP'],
    ['http://', 'without a Location that is a URL'],
    ['http://[::1', 'without a Location that is a URL'],
    ['http://a b/', 'without a Location that is a URL'],
  ])('to %s is not followed, and the error names the rule', async (location, rule) => {
    await using it = await openHostile({ intercept: faults.redirectTo(location, 302) });
    const fault = await caught(it.client.blob('team/app', layer.digest));
    expect(fault.message).toContain(rule);
    expect(it.server.seen).toHaveLength(1);
  });

  test('from https to http is not followed, be it to the registry itself', async () => {
    await using trap = await attacker();
    const { key, cert } = selfSigned([NAME]);
    await using server = await serve(
      (_, response) => void response.writeHead(302, { location: `http://${NAME}:${trap.port}/x` }).end(),
      { key, cert },
    );
    await using client = openRegistry({
      name: 'builds',
      url: `https://${NAME}:${server.port}`,
      tls: { ca: cert },
      allow: { hosts: [NAME] },
      resolve: toLoopback,
      environment: {},
    });
    const fault = await caught(client.blob('team/app', layer.digest));
    expect([fault.code, trap.seen]).toEqual(['SOURCE_ADDRESS_REFUSED', []]);
    expect(fault.message).toContain('away from TLS');
  });

  test.each(CALLS)('of a %s that goes in a circle, or over 11 hops, is given up', async (_, call) => {
    await using circle = await openHostile({ intercept: faults.redirectLoop() });
    expect((await caught(call(circle.client))).message).toContain('in a circle');
    expect(circle.server.seen).toHaveLength(1);
    await using far = await openHostile({ intercept: faults.redirectHops(11) });
    const fault = await caught(call(far.client));
    expect([fault.code, far.server.seen.length]).toEqual(['SOURCE_ADDRESS_REFUSED', 6]);
    expect(fault.message).toContain('after 5 redirects');
    await using near = await openHostile({ intercept: faults.redirectHops(5) });
    await expect(call(near.client)).resolves.toBeDefined();
  });
});
