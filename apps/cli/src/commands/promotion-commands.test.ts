import { Fault, toProblem } from '@gantry/oci';
import { DIGEST, OTHER_DIGEST, plan, promotion, startApiServer, task } from '../api-server.fixture.ts';
import { gantry } from '../cli.fixture.ts';

describe('gantry promote', () => {
  test('asks for the promotion with an idempotency key, and does not wait', async () => {
    await using server = await startApiServer({
      'POST /api/v1/promotions': () => ({ status: 202, body: promotion({ state: 'queued', serial: null }) }),
    });
    const words = [
      'promote',
      'a/b:1.0',
      `c@${DIGEST}`,
      '--to',
      'stable',
      '--tag',
      '1',
      'latest',
      '--reason',
      'why',
      '--atomic',
    ];
    const { code, out } = await gantry([...words, '--server', server.url]);
    expect(code).toBe(0);
    expect(out).toContain('promotion p1 to stable: queued\n');
    const [request] = server.requests;
    expect(request?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    expect(request?.body).toEqual({
      items: [
        { repository: 'a/b', reference: '1.0', tags: ['1', 'latest'] },
        { repository: 'c', reference: DIGEST, tags: ['1', 'latest'] },
      ],
      to: 'stable',
      atomic: true,
      reason: 'why',
    });
  });

  test('takes references that stand behind --tag for what they are', async () => {
    await using server = await startApiServer({
      'POST /api/v1/promotions': () => ({ status: 202, body: promotion() }),
    });
    await gantry([
      'promote',
      '--to',
      'stable',
      '--tag',
      'latest',
      'a/b:1.0',
      '--idempotency-key',
      'k',
      '--server',
      server.url,
    ]);
    expect(server.requests[0]).toMatchObject({
      body: { items: [{ repository: 'a/b', reference: '1.0', tags: ['latest'] }], to: 'stable' },
      headers: { 'idempotency-key': 'k' },
    });
  });

  test('waits until it is published with --wait', async () => {
    await using server = await startApiServer({
      'POST /api/v1/promotions': () => ({ status: 202, body: promotion({ state: 'queued', serial: null }) }),
      'GET /api/v1/promotions/p1/events': () => ({
        events: [promotion({ state: 'publishing', serial: null }), promotion()],
      }),
    });
    const { code, out, err } = await gantry([
      'promote',
      'a/b:1.0',
      '--to',
      'stable',
      '--wait',
      '--server',
      server.url,
    ]);
    expect(code).toBe(0);
    expect(out).toBe(
      [
        'REPOSITORY  REFERENCE  TAGS  STATE  DIGEST',
        `a/b         1.0        1.0   done   ${DIGEST}`,
        'promotion p1 to stable: done, serial 42',
        '',
      ].join('\n'),
    );
    expect(err).toBe(
      'promotion p1 to stable: queued\npromotion p1 to stable: publishing\npromotion p1 to stable: done, serial 42\n',
    );
  });

  test('that was refused ends with 3 and says why', async () => {
    const items = [
      {
        repository: 'a/b',
        reference: '1.0',
        digest: null,
        tags: ['1.0'],
        state: 'refused',
        problem: toProblem(new Fault('GATE_REFUSED', 'no SBOM')),
      },
    ];
    await using server = await startApiServer({
      'POST /api/v1/promotions': () => ({
        status: 202,
        body: promotion({ state: 'refused', items, serial: null }),
      }),
    });
    const { code, err } = await gantry([
      'promote',
      'a/b:1.0',
      '--to',
      'stable',
      '--wait',
      '--server',
      server.url,
    ]);
    expect(code).toBe(3);
    expect(err).toContain('gantry: a/b:1.0: no SBOM\n');
  });

  test('that waits tells what for, each thing once, and how it goes on', async () => {
    const verdict = { kind: 'approvals', repository: 'a/b', digest: DIGEST, at: '2026-11-21T09:00:00.000Z' };
    const missing = { name: 'approvals', satisfied: false, pending: true as const, type: 'approval-missing' };
    const tests = { ...verdict, gate: 'tests', kind: 'results', state: 'passed' as const, requirements: [] };
    const waits = (detail: string) =>
      promotion({
        state: 'gating',
        serial: null,
        gates: [
          tests,
          { ...verdict, gate: 'board', state: 'waiting', requirements: [{ ...missing, detail }] },
        ],
      });
    await using server = await startApiServer({
      'POST /api/v1/promotions': () => ({ status: 202, body: promotion({ state: 'queued', serial: null }) }),
      'GET /api/v1/promotions/p1/events': () => ({
        events: [
          waits('0 of 2 approvals'),
          waits('0 of 2 approvals'),
          waits('1 of 2 approvals'),
          promotion(),
        ],
      }),
    });
    const words = ['promote', 'a/b:1.0', '--to', 'stable', '--wait'];
    const { code, err } = await gantry([...words, '--server', server.url]);
    expect(code).toBe(0);
    expect(err.split('\n')).toEqual([
      'promotion p1 to stable: queued',
      'promotion p1 to stable: gating',
      '  gate tests: passed',
      '  gate board waits, a/b: 0 of 2 approvals',
      '  gate board waits, a/b: 1 of 2 approvals',
      'promotion p1 to stable: done, serial 42',
      '',
    ]);
  });

  const problem = toProblem(new Fault('REFERENCE_UNKNOWN', 'no candidate c:2'));
  const shown = plan({
    items: [
      {
        repository: 'a/b',
        reference: '1.0',
        digest: DIGEST,
        tags: [
          { tag: '1.0', action: 'add' },
          { tag: 'latest', action: 'move', from: OTHER_DIGEST },
          { tag: '1', action: 'noop', from: DIGEST },
        ],
      },
      { repository: 'c', reference: '2', digest: null, tags: [{ tag: '2', action: 'refuse' }], problem },
    ],
    totals: { adds: 1, moves: 1, noops: 1, refusals: 1, objects: 3, bytes: 52_428_800 },
  });
  const dryRun = async (...more: string[]) => {
    await using server = await startApiServer({ 'POST /api/v1/promotions': () => ({ body: shown }) });
    const words = ['promote', 'a/b:1.0', 'c:2', '--to', 'stable', '--dry-run', '--server', server.url];
    const ran = await gantry([...words, ...more]);
    expect(server.requests[0]?.body).toMatchObject({ dryRun: true });
    return ran;
  };

  test('as a dry run prints the plan as a diff, and ends as the promotion would', async () => {
    const { code, out, err } = await dryRun();
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(out.split('\n')).toEqual([
      '+ a/b:1.0     sha256:aaaaaaaaaaaa',
      '~ a/b:latest  sha256:bbbbbbbbbbbb → sha256:aaaaaaaaaaaa',
      '! c:2         no candidate c:2',
      '= 1 tag as it should be (--verbose names it)',
      'stable: 1 tag added, 1 moved, 1 unchanged, 1 refused; 3 new objects, 52.4 MB',
      'plan plan1: until 2026-11-22 09:00:00Z "gantry promote --plan plan1 --to stable --wait" does just this',
      '',
    ]);
  });

  test('as a dry run says all with --verbose, and what the API says as JSON', async () => {
    const { out } = await dryRun('--verbose');
    expect(out).toContain(`~ a/b:latest  ${OTHER_DIGEST} → ${DIGEST}\n= a/b:1       ${DIGEST}\n`);
    expect(out).not.toContain('--verbose');
    const { out: json } = await dryRun('--output', 'json');
    expect(JSON.parse(json)).toEqual(shown);
  });

  test('applies a plan, and ends with 1 when what it was made for has moved', async () => {
    const moved = 'the channel stable is not what the plan plan1 was made for. Moved: a/b:1.0 from nothing';
    await using server = await startApiServer({
      'POST /api/v1/promotions': ({ headers }) => {
        if (headers['if-match'] === undefined) return { status: 202, body: promotion() };
        throw new Fault('PRECONDITION_FAILED', moved);
      },
    });
    const apply = (...more: string[]) =>
      gantry(['promote', '--plan', 'plan1', '--to', 'stable', ...more, '--server', server.url]);
    expect(await apply('--reason', 'tested')).toMatchObject({ code: 0 });
    expect(await apply('--if-match', DIGEST)).toMatchObject({ code: 1, out: '', err: `gantry: ${moved}\n` });
    await apply('--if-match', `"${DIGEST}"`);
    expect(server.requests[0]?.body).toEqual({ plan: 'plan1', to: 'stable', reason: 'tested' });
    expect(server.requests.slice(1).map(({ headers }) => headers['if-match'])).toEqual([
      `"${DIGEST}"`,
      `"${DIGEST}"`,
    ]);
  });
});

describe('gantry promotions', () => {
  test('lists, shows and cancels', async () => {
    const listed = {
      ...promotion(),
      kind: 'promote',
      requestedBy: 'anna',
      createdAt: '2026-11-21T09:00:00.000Z',
    };
    await using server = await startApiServer({
      'GET /api/v1/promotions': () => ({ body: { items: [listed], next: null } }),
      'GET /api/v1/promotions/p1': () => ({ body: promotion({ state: 'gating', serial: null }) }),
      'GET /api/v1/promotions/p1/events': () => ({ events: [promotion()] }),
      'DELETE /api/v1/promotions/p1': () => ({ body: promotion({ state: 'cancelled', serial: null }) }),
    });
    const promotions = (...words: string[]) => gantry(['promotions', ...words, '--server', server.url]);
    const { out } = await promotions('--to', 'stable', '--since', '2026-11-21');
    expect(out.split('\n')[1]).toBe(
      'p1  promote  stable  done       42  2026-11-21 09:00:00Z  anna  a/b:1.0',
    );
    expect(server.requests[0]?.query).toEqual({
      to: 'stable',
      since: '2026-11-21T00:00:00.000Z',
      limit: '100',
    });
    expect(await promotions('show', 'p1')).toMatchObject({
      code: 0,
      out: expect.stringContaining('promotion p1 to stable: gating\n'),
    });
    expect(await promotions('show', 'p1', '--wait')).toMatchObject({
      code: 0,
      out: expect.stringContaining('promotion p1 to stable: done, serial 42\n'),
    });
    expect(await promotions('cancel', 'p1')).toMatchObject({
      code: 0,
      out: expect.stringContaining('cancelled'),
    });
  });
});

describe('gantry publish, publications and rollback', () => {
  const published = task({ kind: 'publish', parameters: {}, result: { serial: 43 } });

  test('publish waits, and says which serial', async () => {
    await using server = await startApiServer({
      'POST /api/v1/publications': () => ({
        status: 202,
        body: { ...published, state: 'queued', result: null },
      }),
      'GET /api/v1/tasks/t1/events': () => ({ events: [published] }),
    });
    expect(await gantry(['publish', '--server', server.url])).toMatchObject({
      code: 0,
      out: 'publish: done, serial 43, task t1\n',
    });
  });

  test('publications are listed', async () => {
    const items = [
      {
        serial: 42,
        state: 'published',
        root: DIGEST,
        promotions: ['p1'],
        added: { objects: 7, bytes: 1234 },
        publishedAt: '2026-11-21T09:00:00.000Z',
      },
    ];
    await using server = await startApiServer({
      'GET /api/v1/publications': () => ({ body: { items, next: null } }),
    });
    const { out } = await gantry(['publications', '--server', server.url]);
    expect(out.split('\n')[1]).toBe(
      `    42  published  2026-11-21 09:00:00Z        7  1.2 kB           1  ${DIGEST}`,
    );
  });

  test('rollback is a promotion, and waits for it', async () => {
    await using server = await startApiServer({
      'POST /api/v1/publications/41/rollback': () => ({
        status: 202,
        body: promotion({ state: 'publishing', to: '*', serial: null }),
      }),
      'GET /api/v1/promotions/p1/events': () => ({ events: [promotion({ to: '*' })] }),
    });
    const { code, out } = await gantry([
      'rollback',
      '41',
      '--channel',
      'stable',
      '--repository',
      'a/b',
      '--server',
      server.url,
    ]);
    expect(code).toBe(0);
    expect(out).toContain('promotion p1 to all channels: done, serial 42\n');
    expect(server.requests[0]?.body).toEqual({
      channel: 'stable',
      repositories: ['a/b'],
      reason: 'gantry rollback 41',
    });
  });
});
