import { Fault, toProblem } from '@gantry/oci';
import { type ApiAnswer, DIGEST, startApiServer, task } from '../api-server.fixture.ts';
import { gantry } from '../cli.fixture.ts';
import type { Environment } from '../cli.ts';

const problem = toProblem(new Fault('MANIFEST_INVALID', 'a/b:2: not a manifest\u001b[31m'));
const sources = (...names: string[]) => ({
  'GET /api/v1/sources': () => ({ body: { items: names.map((name) => ({ name })), next: null } }),
});
const inTurn = (...answers: ApiAnswer[]) => {
  let at = 0;
  return () => answers[Math.min(at++, answers.length - 1)] ?? { body: null };
};

describe('gantry candidates', () => {
  const candidate = {
    source: 'candidates',
    repository: 'a/b',
    tag: '1.0',
    digest: DIGEST,
    platforms: ['linux/amd64', 'linux/arm64'],
    size: 52_428_800,
    syncedAt: '2026-11-21T09:00:00.000Z',
    goneAt: null,
    labels: { x: 'y' },
  };

  const second = { ...candidate, tag: '2', goneAt: '2026-11-21T09:30:00.000Z' };

  test('prints an aligned table of all pages, or all that the API says as JSON', async () => {
    const pages = () =>
      inTurn({ body: { items: [candidate], next: 'c' } }, { body: { items: [second], next: null } });
    await using server = await startApiServer({ 'GET /api/v1/candidates': pages() });
    const words = ['candidates', '--repository', 'a/b', '--server', server.url];
    const { code, out, err } = await gantry(words);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe(
      [
        'REPOSITORY  TAG     SIZE  SYNCED                GONE                  SOURCE      PLATFORMS                DIGEST',
        `a/b         1.0  52.4 MB  2026-11-21 09:00:00Z  -                     candidates  linux/amd64,linux/arm64  ${DIGEST}`,
        `a/b         2    52.4 MB  2026-11-21 09:00:00Z  2026-11-21 09:30:00Z  candidates  linux/amd64,linux/arm64  ${DIGEST}`,
        '',
      ].join('\n'),
    );
    expect(server.requests[0]?.query).toEqual({ limit: '1000', repository: 'a/b' });

    await using again = await startApiServer({ 'GET /api/v1/candidates': pages() });
    const { out: json } = await gantry(['candidates', '--output', 'json', '--server', again.url]);
    expect(JSON.parse(json)).toEqual({ items: [candidate, second], next: null });
  });

  test('says on standard error that there are none', async () => {
    await using server = await startApiServer({
      'GET /api/v1/candidates': () => ({ body: { items: [], next: null } }),
    });
    expect(await gantry(['--server', server.url, 'candidates'])).toEqual({
      code: 0,
      out: '',
      err: 'there are no candidates yet: "gantry sync SOURCE" brings them\n',
    });
  });
});

describe('gantry sync', () => {
  test('waits for the end, and tells of the way there on standard error', async () => {
    await using server = await startApiServer({
      'POST /api/v1/syncs': () => ({
        status: 202,
        body: task({ state: 'queued', progress: { bytes: 0, blobs: 0, tags: 0 } }),
      }),
      'GET /api/v1/tasks/t1/events': () => ({ events: [task({ state: 'running' }), task()] }),
    });
    const { code, out, err } = await gantry([
      'sync',
      'candidates',
      '--repository',
      'a/b',
      'c',
      '--server',
      server.url,
    ]);
    expect(code).toBe(0);
    expect(out).toBe('sync candidates: done, 2 tags, 3 new blobs, 52.4 MB, task t1\n');
    expect(err.split('\n').slice(0, 2)).toEqual([
      'sync candidates: queued, 0 tags, 0 new blobs, 0 B',
      'sync candidates: running, 2 tags, 3 new blobs, 52.4 MB',
    ]);
    expect(server.requests[0]?.body).toEqual({ source: 'candidates', repositories: ['a/b', 'c'] });
  });

  test('comes back at once with --no-wait', async () => {
    await using server = await startApiServer({
      'POST /api/v1/syncs': () => ({ status: 202, body: task({ state: 'queued' }) }),
    });
    const { code, out } = await gantry([
      'sync',
      'candidates',
      '--no-wait',
      '--output',
      'json',
      '--server',
      server.url,
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ id: 't1', state: 'queued' });
    expect(server.calls()).toEqual(['POST /api/v1/syncs']);
  });

  test('that was partly done ends with 1 and names what failed', async () => {
    const errors = [{ item: 'a/b:2', problem, retryAt: '2026-11-21T09:01:00.000Z' }];
    await using server = await startApiServer({
      'POST /api/v1/syncs': () => ({ status: 202, body: task({ state: 'partial', errors }) }),
    });
    const { code, out, err } = await gantry(['sync', 'candidates', '--server', server.url]);
    expect(code).toBe(1);
    expect(out).toContain('sync candidates: partial');
    expect(err).toContain(
      String.raw`gantry: a/b:2: not a manifest\u001b[31m (tried again at 2026-11-21 09:01:00Z)`,
    );
  });

  test('whose registry does not answer can be tried again', async () => {
    const errors = [{ item: 'candidates', problem: toProblem(new Fault('SOURCE_UNREACHABLE', 'no answer')) }];
    await using server = await startApiServer({
      'POST /api/v1/syncs': () => ({ status: 202, body: task({ state: 'failed', errors }) }),
    });
    expect(await gantry(['sync', 'candidates', '--server', server.url])).toMatchObject({ code: 75 });
  });

  test('of a source that is unknown is wrong usage', async () => {
    await using server = await startApiServer({
      'POST /api/v1/syncs': () => {
        throw new Fault('SOURCE_UNKNOWN', 'there is no source "x": there are a');
      },
    });
    expect(await gantry(['sync', 'x', '--server', server.url])).toEqual({
      code: 2,
      out: '',
      err: 'gantry: there is no source "x": there are a\n',
    });
  });

  test('without a source takes all that the server has, and prints a list', async () => {
    await using server = await startApiServer({
      ...sources('a', 'b'),
      'POST /api/v1/syncs': ({ body }) => ({
        status: 202,
        body: task({ parameters: body as Record<string, unknown> }),
      }),
    });
    const { out } = await gantry(['sync', '--output', 'json', '--server', server.url]);
    expect(JSON.parse(out)).toMatchObject({
      items: [{ parameters: { source: 'a' } }, { parameters: { source: 'b' } }],
      next: null,
    });
  });

  test('without a source that a server has is wrong usage', async () => {
    await using server = await startApiServer(sources());
    expect(await gantry(['sync', '--server', server.url])).toEqual({
      code: 2,
      out: '',
      err: 'gantry: there is nothing to sync: no source is configured\n',
    });
  });

  test('of several shows those that went on when one could not be asked for', async () => {
    await using server = await startApiServer({
      ...sources('a', 'b'),
      'POST /api/v1/syncs': ({ body }) => {
        const parameters = body as Record<string, unknown>;
        if (parameters['source'] === 'a') throw new Fault('STORAGE_FULL', 'no space left');
        return { status: 202, body: task({ parameters }) };
      },
    });
    const { code, out, err } = await gantry(['sync', '--server', server.url]);
    expect(code).toBe(75);
    expect(out).toContain('sync b: done');
    expect(err).toContain('gantry: no space left\n');
  });

  test('as a dry run prints what would be taken', async () => {
    const plan = [{ repository: 'a/b', tag: '1', action: 'add', rule: 'tags.include v*', digest: DIGEST }];
    await using server = await startApiServer({
      'POST /api/v1/syncs': () => ({ status: 202, body: task({ result: { plan } }) }),
    });
    const { out } = await gantry(['sync', 'candidates', '--dry-run', '--server', server.url]);
    expect(out).toContain(`a/b         1    add     tags.include v*  ${DIGEST}`);
    expect(server.requests[0]?.body).toEqual({ source: 'candidates', dryRun: true });
  });
});

describe('gantry diff of channels and serials', () => {
  test('asks the server', async () => {
    const items = [{ repository: 'a/b', tag: '1.0', from: null, to: DIGEST }];
    await using server = await startApiServer({
      'GET /api/v1/diff': () => ({ body: { items, next: null } }),
    });
    const { code, out } = await gantry(['diff', 'testing', 'stable', '--server', server.url]);
    expect({ code, out }).toEqual({
      code: 0,
      out: `REPOSITORY  TAG  FROM  TO\na/b         1.0  -     ${DIGEST}\n`,
    });
    expect(server.requests[0]?.query).toEqual({ from: 'testing', to: 'stable', limit: '1000' });
  });
});

describe('an interruption', () => {
  test('leaves the work to the server, ends with 130 and says where to look', async () => {
    const controller = new AbortController();
    const interruptible: Environment['interruptible'] = () => ({
      signal: controller.signal,
      [Symbol.dispose]() {},
    });
    await using server = await startApiServer({
      'POST /api/v1/syncs': () => ({ status: 202, body: task({ state: 'queued' }) }),
      'GET /api/v1/tasks/t1/events': () => {
        controller.abort();
        return { events: [task({ state: 'running' })] };
      },
    });
    const { code, err } = await gantry(['sync', 'candidates', '--server', server.url], { interruptible });
    expect(code).toBe(130);
    expect(err).toContain(
      `gantry: interrupted: it goes on at the server, see ${server.url}/api/v1/tasks/t1\n`,
    );
  });
});
