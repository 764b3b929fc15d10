import { until } from '../until.fixture.ts';
import { openApi, sharedApi } from '../api.fixture.ts';
import { ROUTES } from '../route-table.ts';

const READ_ONLY = 'urn:gantry:problem:read-only';
const on = { on: true, reason: 'the store is being moved' };

describe('read-only mode', () => {
  test('is switched by who may, and tells who did it and why', async () => {
    await using api = await openApi();
    expect((await api.call('GET', '/api/v1/read-only', { token: 'reader' })).body).toEqual({
      on: false,
      reason: null,
      by: null,
      at: null,
    });
    expect((await api.call('POST', '/api/v1/read-only', { token: 'ci', body: on })).status).toBe(403);
    const { body } = await api.call('POST', '/api/v1/read-only', { body: on });
    expect(body).toEqual({ ...on, by: 'admin', at: expect.any(String) });
    expect((await api.call('GET', '/api/v1/read-only')).body).toEqual(body);
    expect((await api.call('POST', '/api/v1/read-only', { body: { on: false } })).body.on).toBe(false);
    const { body: log } = await api.call('GET', '/api/v1/audit');
    expect(
      log.items.map(({ target, outcome }: { target: string; outcome: string }) => [target, outcome]),
    ).toEqual([
      ['off', 'done'],
      ['on', 'done'],
      ['', 'refused'],
    ]);
  });

  test('holds for a request whose body was still on its way', async () => {
    await using api = await openApi();
    const body = JSON.stringify({ source: 'candidates' });
    const { modes } = api.flow.catalog;
    const look = modes.readOnly.bind(modes);
    let looks = 0;
    Object.assign(modes, {
      async readOnly() {
        const mode = await look();
        looks++;
        return mode;
      },
    });
    const late = Promise.withResolvers<void>();
    const sending = fetch(`${api.url}/api/v1/syncs`, {
      method: 'POST',
      headers: { Authorization: 'Bearer syncer-token', 'Content-Type': 'application/json' },
      body: ReadableStream.from(
        (async function* () {
          yield Buffer.from(body.slice(0, 5));
          await late.promise;
          yield Buffer.from(body.slice(5));
        })(),
      ),
      duplex: 'half',
    });
    await until('it to be found off', () => looks > 0);
    await api.call('POST', '/api/v1/read-only', { body: on });
    late.resolve();
    expect((await sending).status).toBe(503);
    expect((await api.flow.catalog.tasks.list({ limit: 1 })).items).toEqual([]);
  });

  const changing = ROUTES.filter(({ changes }) => changes);

  describe('while it is on', () => {
    const shared = sharedApi(async (api) => {
      await api.call('POST', '/api/v1/read-only', { body: on });
    });

    test.each(
      changing.filter(({ evenReadOnly }) => !evenReadOnly).map(({ method, path }) => [method, path] as const),
    )('%s %s is refused', async (method, path) => {
      const place = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => PARAMETERS[name] ?? 'none');
      const { status, headers, body } = await shared().call(method, place, { body: {} });
      expect([status, body.type]).toEqual([503, READ_ONLY]);
      expect(body.detail).toContain('the store is being moved');
      expect(headers.get('retry-after')).toBe('30');
      // Who is nobody is not even told that.
      expect((await shared().call(method, place, { token: null })).status).toBe(401);
    });

    test('nothing was changed by all that', async () => {
      const { catalog } = shared().flow;
      for (const list of [
        catalog.promotions,
        catalog.tasks,
        catalog.results,
        catalog.waivers,
        catalog.tokens,
        catalog.purges,
      ])
        expect((await list.list({ limit: 1 })).items).toEqual([]);
    });
  });

  test('leaves just one changing route, by which it is switched off', () => {
    expect(changing.filter(({ evenReadOnly }) => evenReadOnly).map(({ name }) => name)).toEqual([
      'setReadOnly',
    ]);
  });

  test('every method but GET changes something, unless its route is known to decide only', () => {
    const harmless = ROUTES.filter(({ method, changes }) => method !== 'GET' && !changes);
    expect(harmless.map(({ name }) => name)).toEqual(
      ['decide'].filter((name) => ROUTES.some((one) => one.name === name)),
    );
    expect(ROUTES.filter(({ method, changes }) => method === 'GET' && changes)).toEqual([]);
  });

  test('lets work that was accepted before go on, and all reads', async () => {
    await using api = await openApi();
    await api.putCandidate('a', '1');
    const { body } = await api.call('POST', '/api/v1/promotions', {
      body: { to: 'stable', items: [{ repository: 'a', reference: '1' }] },
    });
    await api.call('POST', '/api/v1/read-only', { body: on });
    await api.work(body.id);
    expect((await api.call('GET', `/api/v1/promotions/${body.id}`)).body.state).toBe('refused');
    expect((await api.call('GET', '/api/v1/candidates')).body.items).toHaveLength(1);
  });

  test('is seen at /readyz, which stays 200, and in the figures', async () => {
    await using api = await openApi();
    const metric = async () =>
      /^gantry_read_only\S* (\S+)$/m.exec((await api.call('GET', '/metrics')).body)?.[1];
    expect(await metric()).toBe('0');
    await api.call('POST', '/api/v1/read-only', { body: on });
    const { status, body } = await api.call('GET', '/readyz', { token: null });
    expect([status, body]).toEqual([200, { status: 'ok', checks: {}, readOnly: true }]);
    expect(await metric()).toBe('1');
  });

  test('holds at all processes at once, by the catalog that they share', async () => {
    await using first = await openApi();
    await using second = await openApi({ flow: first.flow });
    await first.call('POST', '/api/v1/read-only', { body: on });
    expect((await second.call('POST', '/api/v1/publications')).status).toBe(503);
    await second.call('POST', '/api/v1/read-only', { body: { on: false } });
    expect((await first.call('POST', '/api/v1/publications')).status).toBe(202);
  });

  test('that the configuration says can not be switched off from outside', async () => {
    await using api = await openApi({ isReadOnly: true });
    expect((await api.call('POST', '/api/v1/publications')).body.type).toBe(READ_ONLY);
    const { status, body } = await api.call('POST', '/api/v1/read-only', { body: { on: false } });
    expect([status, body.key]).toEqual([409, 'api.readOnly']);
    expect((await api.call('GET', '/api/v1/read-only')).body).toMatchObject({ on: true, by: null });
  });
});

/** What stands in a path's parameters, well formed. */
const PARAMETERS: Readonly<Record<string, string>> = {
  serial: '1',
  name: 'stable',
  digest: `sha256:${'0'.repeat(64)}`,
};
