import { Fault, toProblem } from '@gantry/oci';
import { type ApiAnswer, DIGEST, promotion, startApiServer, task } from '../api-server.fixture.ts';
import { gantry } from '../cli.fixture.ts';

const OTHER = `sha256:${'b'.repeat(64)}`;
const inTurn = (...answers: ApiAnswer[]) => {
  let at = 0;
  return () => answers[Math.min(at++, answers.length - 1)] ?? { body: null };
};

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
      'GET /api/v1/promotions/p1': inTurn(
        { body: promotion({ state: 'publishing', serial: null }) },
        { body: promotion() },
      ),
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

  test('as a dry run prints the plan, and ends as the promotion would', async () => {
    const plan = {
      to: 'stable',
      items: [
        {
          repository: 'a/b',
          reference: '1.0',
          digest: DIGEST,
          tags: [
            { tag: '1.0', action: 'add' },
            { tag: 'latest', action: 'move', from: OTHER },
          ],
        },
        {
          repository: 'c',
          reference: '2',
          digest: null,
          tags: [],
          problem: toProblem(new Fault('REFERENCE_UNKNOWN', 'no candidate c:2')),
        },
      ],
    };
    await using server = await startApiServer({ 'POST /api/v1/promotions': () => ({ body: plan }) });
    const { code, out, err } = await gantry([
      'promote',
      'a/b:1.0',
      'c:2',
      '--to',
      'stable',
      '--dry-run',
      '--server',
      server.url,
    ]);
    expect(code).toBe(1);
    expect(out.split('\n')).toEqual([
      `REPOSITORY  TAG     ACTION  DIGEST${' '.repeat(65)}  INSTEAD OF`,
      `a/b         1.0     add     ${DIGEST}  -`,
      `a/b         latest  move    ${DIGEST}  ${OTHER}`,
      '',
    ]);
    expect(err).toBe('gantry: c:2: no candidate c:2\n');
    expect(server.requests[0]?.body).toMatchObject({ dryRun: true });
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
      'GET /api/v1/tasks/t1': () => ({ body: published }),
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
      'GET /api/v1/promotions/p1': () => ({ body: promotion({ to: '*' }) }),
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
