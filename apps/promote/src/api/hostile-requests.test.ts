import { createLogger } from '@gantry/service';
import { openApi, sharedApi } from './api.fixture.ts';
import { readAnswer, sendRaw } from './raw-request.fixture.ts';
import type { Route } from './route.ts';
import { ROUTES } from './route-table.ts';

const GUARDED = ROUTES.filter(({ access, name }) => access !== 'open' && name !== 'followEvents');

/** Parameters of a route's query, by name. */
function queryOf({ query }: Route): string[] {
  return Object.keys(query?.shape ?? {});
}

/** What would lead out of where it belongs, were it taken for a part of a path. */
const TRAVERSALS = [
  '../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  '%2e%2e/%2e%2e/etc',
  '%252e%252e%252fetc',
  String.raw`..\..\etc`,
  '/etc/passwd',
  'a//b',
  'a/./b',
  'a/../b',
  'a/.',
  '.',
  '..',
  'nul\0byte',
  'UPPER',
  'a．．b',
  'a‥b',
  'é'.normalize('NFD'),
  `sha256:../${'0'.repeat(61)}`,
  'a'.repeat(256),
];

describe('names that lead elsewhere', () => {
  const shared = sharedApi();

  // A client takes `.` and `..` out of a path before it sends it, also when they are encoded.
  test.each(TRAVERSALS.filter((name) => !/^\.+$/.test(name)))('%j in a path is no record', async (name) => {
    for (const { method, path } of GUARDED.filter((one) => one.path.includes('{'))) {
      const place = path.replaceAll(/\{\w+\}/g, encodeURIComponent(name));
      const body = method === 'GET' ? {} : { body: { reason: 'none', channel: 'testing' } };
      const { status } = await shared().call(method, place, body);
      expect([place, [400, 404].includes(status)]).toEqual([place, true]);
    }
  });

  test.each(TRAVERSALS)('%j in a query is refused, or found nowhere', async (name) => {
    for (const one of GUARDED.filter(({ method }) => method === 'GET')) {
      for (const parameter of queryOf(one)) {
        const place = `${one.path.replaceAll(/\{\w+\}/g, 'testing')}?${new URLSearchParams({ [parameter]: name }).toString()}`;
        const { status, body } = await shared().call('GET', place);
        const isHarmless = status === 400 || status === 404 || (status === 200 && body.items.length === 0);
        expect([place, status, isHarmless]).toEqual([place, status, true]);
      }
    }
  });

  test.each(TRAVERSALS)('%j can not be promoted, nor asked for', async (name) => {
    const promote = (item: object) =>
      shared().call('POST', '/api/v1/promotions', { body: { to: 'testing', items: [item] } });
    const answers = [
      await promote({ repository: name, reference: '1' }),
      await promote({ repository: 'a', reference: '1', tags: [`-${name}`] }),
      await promote({ repository: 'a', reference: `-${name}` }),
      await promote({ repository: 'a', reference: '1', tags: ['x'.repeat(129)] }),
      await shared().call('POST', '/api/v1/syncs', { body: { source: 'candidates', repositories: [name] } }),
      await shared().call('POST', '/api/v1/syncs', { body: { source: name } }),
      await shared().call('POST', '/api/v1/promotions', {
        body: { to: name, items: [{ repository: 'a', reference: '1' }] },
      }),
    ];
    expect(answers.map(({ status }) => [400, 404].includes(status))).toEqual(answers.map(() => true));
  });
});

describe('paths that a client would not send', () => {
  const shared = sharedApi();

  test.each(['/..', '/.', '/%2e%2e', '/..%2f..%2fhealthz', '/../../healthz', '//healthz', '/%2e%2e/healthz'])(
    '%s after a route is none',
    async (path) => {
      for (const start of ['/api/v1/tasks', '/api/v1/channels/testing', '']) {
        const { status } = readAnswer(
          await sendRaw(
            shared().url,
            `GET ${start}${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin-token\r\nConnection: close\r\n\r\n`,
          ),
        );
        expect([start, path, status]).toEqual([start, path, 404]);
      }
    },
  );
});

describe('line breaks in what is asked', () => {
  const BREAKS = ['%0d%0aX-Injected:%201', '%E5%98%8A%E5%98%8DX-Injected:1', '%0aX-Injected:1', '%e2%80%a8x'];

  test.each(BREAKS)('%s makes no header, and no second answer', async (text) => {
    await using api = await openApi();
    const authorization = 'Authorization: Bearer admin-token\r\nConnection: close';
    for (const target of [
      `/api/v1/tasks/${text}`,
      `/api/v1/candidates?repository=${text}`,
      `/api/v1/channels/${text}/tags?repository=a`,
      `/${text}`,
    ]) {
      for (const more of ['Host: x', `Host: x${text}`, `Host: x\r\nX-Request-Id: ${text}\u0085x`]) {
        const bytes = Buffer.from(`GET ${target} HTTP/1.1\r\n${more}\r\n${authorization}\r\n\r\n`, 'latin1');
        const answered = await sendRaw(api.url, bytes);
        const { status, headers } = readAnswer(answered);
        expect([target, [400, 404].includes(status)]).toEqual([target, true]);
        expect(answered.match(/^HTTP\/1\.1 \d/gm)).toHaveLength(1);
        expect(headers.filter((line) => /^x-injected/i.test(line))).toEqual([]);
      }
    }
  });

  test('stands in the log as one line of JSON a request', async () => {
    const lines: string[] = [];
    const log = createLogger({
      name: 'test',
      destination: { write: (line: string) => lines.push(line) },
    });
    await using api = await openApi({ log });
    const paths = [...BREAKS, '%1b[2J', '%u2028', '%E2%80%A9', 'x'.repeat(8000)];
    for (const text of paths) {
      await sendRaw(
        api.url,
        `GET /api/v1/tasks/${text} HTTP/1.1\r\nHost: x\r\nUser-Agent: ${'y'.repeat(2000)}\u001b[2J\r\nAuthorization: Bearer admin-token\r\nConnection: close\r\n\r\n`,
      );
    }
    expect(lines).toHaveLength(paths.length);
    for (const line of lines) {
      // oxlint-disable-next-line no-control-regex -- these are what must not be there
      expect(line.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u2028\u2029]/);
      expect(() => JSON.parse(line)).not.toThrow();
      expect(line).not.toContain('admin-token');
    }
  });
});

/** Whether no object has what was sent to be on all of them. */
function isClean(): boolean {
  const plain: Record<string, unknown> = {};
  return plain['polluted'] === undefined;
}

describe('names of the language', () => {
  const shared = sharedApi();
  const POLLUTING = [
    '{"__proto__":{"polluted":true}}',
    '{"constructor":{"prototype":{"polluted":true}}}',
    '{"items":[{"__proto__":{"polluted":true},"repository":"a","reference":"1"}],"to":"testing"}',
    '{"events":[{"__proto__":{"polluted":true},"action":"push","target":{"repository":"candidate/a","tag":"1","__proto__":{"polluted":true}}}]}',
    '{"data":{"__proto__":{"polluted":true}}}',
  ];

  test.each(
    ROUTES.filter(({ body }) => body !== undefined).map(({ method, path }) => [method, path] as const),
  )('%s %s: members of a body change no prototype', async (method, path) => {
    for (const body of POLLUTING) {
      const { status } = await shared().call(method, path.replaceAll(/\{\w+\}/g, '1'), { body });
      expect([body, status < 500, isClean()]).toEqual([body, true, true]);
    }
  });

  test('in a query neither', async () => {
    for (const { path } of GUARDED.filter(({ method }) => method === 'GET')) {
      for (const query of ['__proto__[polluted]=1', 'constructor[prototype][polluted]=1', '__proto__=1']) {
        const { status } = await shared().call('GET', `${path.replaceAll(/\{\w+\}/g, 'x')}?${query}`);
        expect([path, status >= 400 && status < 500, isClean()]).toEqual([path, true, true]);
      }
    }
  });

  test('as annotations and labels are kept and shown as any others', async () => {
    const { catalog } = shared().flow;
    const strange = JSON.parse('{"__proto__":"a","constructor":"b","toString":"c"}') as Record<
      string,
      string
    >;
    const digest = `sha256:${'5'.repeat(64)}` as const;
    await catalog.manifests.put({
      digest,
      kind: 'oci-manifest',
      size: 2,
      annotations: strange,
      manifests: [],
      blobs: [],
    });
    const { body } = await shared().call('GET', `/api/v1/manifests/${digest}`);
    expect(Object.keys(body.annotations)).toEqual(['__proto__', 'constructor', 'toString']);
    expect(isClean()).toBe(true);
  });
});

describe('operators of a database', () => {
  const shared = sharedApi(async (api) => {
    await api.putCandidate('a', '1');
  });
  const OPERATORS = [
    { $ne: null },
    { $gt: '' },
    { $where: 'sleep(9)' },
    { $regex: '.*' },
    ['a'],
    1,
    null,
    true,
  ];

  test.each(OPERATORS.map((operator) => [operator]))(
    '%j in the place of a text is refused',
    async (operator) => {
      const bodies: [string, object][] = [
        ['/api/v1/promotions', { to: operator, items: [{ repository: 'a', reference: '1' }] }],
        ['/api/v1/promotions', { to: 'testing', items: [{ repository: operator, reference: '1' }] }],
        ['/api/v1/promotions', { to: 'testing', items: [{ repository: 'a', reference: operator }] }],
        ['/api/v1/promotions', { to: 'testing', plan: operator }],
        ['/api/v1/syncs', { source: operator }],
        ['/api/v1/publications/1/rollback', { channel: operator, reason: 'x' }],
        ['/api/v1/dead-letters/replay', { queue: operator }],
        ['/api/v1/tokens', { name: operator, scopes: ['read'] }],
        ['/api/v1/read-only', { on: true, reason: operator }],
      ];
      for (const [path, body] of bodies) {
        const isBoolean = operator === true && path === '/api/v1/read-only';
        const { status, body: answer } = await shared().call('POST', path, { body });
        expect([path, body, status, answer.type, isBoolean]).toEqual([
          path,
          body,
          400,
          'urn:gantry:problem:request-invalid',
          isBoolean,
        ]);
      }
      expect((await shared().call('GET', '/api/v1/tasks')).body.items).toEqual([]);
    },
  );

  test.each(
    GUARDED.filter(({ method, query }) => method === 'GET' && query !== undefined).map((one) => [
      one.path,
      one,
    ]),
  )('in the query of %s is refused, as is what stands twice', async (path, one) => {
    const place = path.replaceAll(/\{\w+\}/g, 'testing');
    for (const name of queryOf(one).filter((parameter) => parameter !== 'type')) {
      for (const query of [
        `${name}[$ne]=`,
        `${name}[]=a`,
        `${name}[$gt]=&${name}[$lt]=x`,
        `${name}=a&${name}=b`,
        `${name}.$where=1`,
        `$where=sleep(9)`,
      ]) {
        const { status } = await shared().call('GET', `${place}?${query}`);
        expect([query, status]).toEqual([query, 400]);
      }
    }
  });

  test('as a text is looked for as it is, and found nowhere', async () => {
    for (const query of ['actor=%24ne', 'actor=%7B%22%24ne%22%3Anull%7D', 'actor=a.b', 'actor=%24where']) {
      const { status, body } = await shared().call('GET', `/api/v1/audit?${query}`);
      expect([status, body.items]).toEqual([200, []]);
    }
  });
});

describe('texts that a backtracking pattern would hang on', () => {
  const shared = sharedApi();
  // What is exponential does not come to an end within a test's time.
  const LONG = [
    `${'a'.repeat(7000)}!`,
    `${'a-'.repeat(3500)}!`,
    'a_'.repeat(3500),
    'a/'.repeat(3500),
    `${' '.repeat(7000)}x`,
    `wait=${'1'.repeat(7000)}`,
    `${'W/"1",'.repeat(1200)}x`,
    '1'.repeat(7000),
    `sha256:${'0'.repeat(7000)}`,
    `2026-11-21T00:00:00.${'0'.repeat(7000)}Z`,
  ];

  test.each(LONG)('%.30s… is answered in any parameter and header', async (text) => {
    for (const one of GUARDED.filter(({ method }) => method === 'GET')) {
      const place = one.path.replaceAll(/\{\w+\}/g, encodeURIComponent(text.slice(0, 2000)));
      const queries = [
        '',
        ...queryOf(one).map((name) => `?${new URLSearchParams({ [name]: text.slice(0, 4000) }).toString()}`),
      ];
      for (const query of queries)
        expect((await shared().call('GET', `${place}${query}`)).status).toBeLessThan(500);
    }
    for (const name of [
      'Prefer',
      'If-None-Match',
      'Last-Event-ID',
      'X-Request-Id',
      'Authorization',
      'Accept',
    ]) {
      const { status } = await shared().call('GET', '/api/v1/tasks/none', {
        headers: { [name]: text },
      });
      expect(status).toBeLessThan(500);
    }
    const { status } = await shared().call('POST', '/api/v1/promotions', {
      body: { to: 'testing', items: [{ repository: text, reference: text, tags: [text] }] },
      headers: { 'Idempotency-Key': text.replaceAll(/\s/g, '') },
    });
    expect(status).toBe(400);
  });
});

describe('pages', () => {
  const shared = sharedApi(async (api) => {
    await api.putCandidate('a', '1');
  });
  const paged = GUARDED.filter((one) => queryOf(one).includes('limit'));
  const required: Readonly<Record<string, string>> = {
    listDeadLetters: 'queue=gantry.sync&',
    listChannelTags: 'repository=a&',
    diff: 'from=testing&to=stable&',
  };
  const placeOf = ({ name, path }: Route, query: string) =>
    `${path
      .replace('{digest}', `sha256:${'0'.repeat(64)}`)
      .replace('{serial}', '1')
      .replaceAll(/\{\w+\}/g, 'testing')}?${required[name] ?? ''}${query}`;

  test.each(paged.map((one) => [one.name, one] as const))(
    '%s: a limit that is none is refused, and a huge one bounded',
    async (_name, one) => {
      for (const limit of [
        '-1',
        '0',
        'NaN',
        'Infinity',
        '1e18',
        '0x10',
        '1.5',
        '',
        ' 1',
        '１',
        '9'.repeat(21),
      ])
        expect([limit, (await shared().call('GET', placeOf(one, `limit=${limit}`))).status]).toEqual([
          limit,
          400,
        ]);
      for (const limit of ['1', '1000', '1001', '1000000000000000000']) {
        const { status } = await shared().call('GET', placeOf(one, `limit=${limit}`));
        expect([limit, [200, 404].includes(status)]).toEqual([limit, true]);
      }
    },
  );

  test.each(paged.filter((one) => queryOf(one).includes('cursor')).map((one) => [one.name, one] as const))(
    '%s: a cursor that no page gave is refused, one of 1 MB too',
    async (_name, one) => {
      const foreign = [
        'x',
        '[]',
        '{}',
        'bnVsbA',
        Buffer.from('["other",[1]]').toString('base64url'),
        '%00',
        'x'.repeat(8192),
      ];
      for (const cursor of foreign) {
        const { status, body } = await shared().call('GET', placeOf(one, `cursor=${cursor}`));
        expect([cursor.slice(0, 30), status, body.type]).toEqual([
          cursor.slice(0, 30),
          400,
          'urn:gantry:problem:request-invalid',
        ]);
      }
      expect((await shared().call('GET', placeOf(one, `cursor=${'x'.repeat(10_000)}`))).status).toBe(400);
      const { status } = readAnswer(
        await sendRaw(
          shared().url,
          `GET ${placeOf(one, `cursor=${'x'.repeat(1024 * 1024)}`)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin-token\r\n\r\n`,
        ),
      );
      expect(status).toBe(431);
    },
  );
});
