import { openRegistry } from './client.ts';
import { createInProcessRegistry } from './in-process/in-process-registry.ts';
import { all, caught } from './testing/caught.ts';
import { instantClock } from './testing/instant-clock.ts';
import { serve } from './testing/serve.ts';

const openClient = (url: string) => openRegistry({ name: 'builds', url, clock: instantClock() });
const bytes = Buffer.from('{}');

describe('tags', () => {
  test('come page by page, each page once it is wanted', async () => {
    const registry = createInProcessRegistry({ pageSize: 2 });
    const names = ['a', 'b', 'c', 'd', 'e'];
    registry.putManifest('team/app', bytes, 'text/plain', ...names);
    await using server = await registry.listen();
    await using client = openClient(server.url);
    expect(await all(client.tags('team/app'))).toEqual(names);
    expect(registry.requests.map(({ path }) => path)).toEqual([
      '/v2/team/app/tags/list?n=1000',
      '/v2/team/app/tags/list?n=2&last=b',
      '/v2/team/app/tags/list?n=2&last=d',
    ]);
    registry.forgetRequests();
    for await (const tag of client.tags('team/app')) if (tag === 'b') break;
    expect(registry.requests).toHaveLength(1);
  });

  test('that the grammar does not allow are reported and not given', async () => {
    const odd = ['', '../../etc/passwd', '.hidden', 'a b', 'x'.repeat(129), 'ok', '__proto__', '10'];
    await using server = await serve((_, response) => void response.end(JSON.stringify({ tags: odd })));
    await using client = openClient(server.url);
    const refused: string[] = [];
    expect(await all(client.tags('team/app', { onRefused: (name) => refused.push(name) }))).toEqual([
      'ok',
      '__proto__',
      '10',
    ]);
    expect(refused).toEqual(odd.slice(0, 5));
    expect(await all(client.tags('team/app'))).toHaveLength(3);
  });

  test.each(['{"name":"team/app","tags":null}', '{"tags":[]}'])('%s has none', async (body) => {
    await using server = await serve((_, response) => void response.end(body));
    await using client = openClient(server.url);
    expect(await all(client.tags('team/app'))).toEqual([]);
  });

  test.each([
    ['', 'is not JSON'],
    ['{}', 'is not a list of names'],
    ['[]', 'is not a list of names'],
    ['null', 'is not a list of names'],
    ['"tags"', 'is not a list of names'],
    ['{"errors":[{"code":"UNKNOWN"}]}', 'is not a list of names'],
    ['{"__proto__":{"tags":["a"]}}', 'is not a list of names'],
    ['{"tags":"a"}', 'is not a list of names'],
    ['{"tags":[1]}', 'is not a list of names'],
    ['{"tags":{"length":1}}', 'is not a list of names'],
  ])('a list that is %j is refused', async (body, words) => {
    await using server = await serve((_, response) => void response.end(body));
    await using client = openClient(server.url);
    const fault = await caught(all(client.tags('team/app')));
    expect([fault.code, fault.message.includes(words)]).toEqual(['SOURCE_FAILED', true]);
  });

  test('of a repository that is not there are a NAME_UNKNOWN', async () => {
    await using server = await serve(createInProcessRegistry().handler);
    await using client = openClient(server.url);
    const fault = await caught(all(client.tags('team/none')));
    expect(fault.code).toBe('NAME_UNKNOWN');
    expect(fault.message).toContain('it has no repository team/none');
  });

  test('of a name outside the grammar are asked of nobody', () => {
    const client = openClient('http://127.0.0.1:9');
    expect(() => client.tags('Team/../App')).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
  });

  test.each([
    ['http://evil.test/v2/team/app/tags/list?last=a', 'SOURCE_ADDRESS_REFUSED', 'not at the registry itself'],
    ['//evil.test/x', 'SOURCE_ADDRESS_REFUSED', 'not at the registry itself'],
    ['http://[', 'SOURCE_ADDRESS_REFUSED', 'not at the registry itself'],
    ['?n=1000', 'SOURCE_FAILED', 'goes in a circle'],
  ])('a next page at %s is refused', async (next, code, words) => {
    await using server = await serve((_, response) => {
      response.writeHead(200, { link: `<${next}>; rel="next"` }).end('{"tags":["a"]}');
    });
    await using client = openClient(server.url);
    const fault = await caught(all(client.tags('team/app')));
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(words);
    expect(server.seen).toHaveLength(1);
  });

  test('50,000 of them come page by page', async () => {
    const registry = createInProcessRegistry();
    const { digest } = registry.putManifest('team/app', bytes, 'text/plain');
    const names = Array.from({ length: 50_000 }, (_, number) => `build-${number}`);
    registry.putTags('team/app', names, digest);
    await using server = await registry.listen();
    await using client = openClient(server.url);
    expect(await all(client.tags('team/app'))).toEqual(names.toSorted());
    expect(registry.requests).toHaveLength(50);
  });

  test('pages that never end are refused after 10,000', async () => {
    let pages = 0;
    await using server = await serve((_, response) => {
      response.writeHead(200, { link: `<?last=${++pages}>; rel="next"` }).end('{"tags":[]}');
    });
    await using client = openClient(server.url);
    const fault = await caught(all(client.tags('team/app')));
    expect([fault.code, fault.message.includes('more than 10000 pages'), pages]).toEqual([
      'SOURCE_FAILED',
      true,
      10_000,
    ]);
  }, 60_000);

  test('a page that is too large is refused', async () => {
    await using server = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 32 * 1024 * 1024 + 1 }).write('{"tags":[');
    });
    await using client = openClient(server.url);
    expect((await caught(all(client.tags('team/app')))).message).toContain('more than 33554432 bytes');
  });
});

describe('repositories', () => {
  test('come page by page; names that the grammar does not allow are reported', async () => {
    const registry = createInProcessRegistry({ pageSize: 1 });
    for (const name of ['b', 'a/b', 'c']) registry.putManifest(name, bytes, 'text/plain', '1');
    await using server = await registry.listen();
    await using client = openClient(server.url);
    expect(await all(client.repositories())).toEqual(['a/b', 'b', 'c']);

    await using odd = await serve((_, response) => void response.end('{"repositories":["ok","../x","UP"]}'));
    await using second = openClient(odd.url);
    const refused: string[] = [];
    expect(await all(second.repositories({ onRefused: (name) => refused.push(name) }))).toEqual(['ok']);
    expect(refused).toEqual(['../x', 'UP']);
  });

  test.each([404, 405])(
    'of a registry without a catalog (%i) can not be had, and the fault says what to do',
    async (status) => {
      await using server = await serve((_, response) => void response.writeHead(status).end());
      await using client = openClient(server.url);
      const fault = await caught(all(client.repositories()));
      expect(fault.code).toBe('SOURCE_FAILED');
      expect(fault.message).toContain('it may have no catalog: name its repositories instead');
    },
  );
});
