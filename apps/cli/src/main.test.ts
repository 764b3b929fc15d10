import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { startApiServer, task } from './api-server.fixture.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

function start(...words: string[]) {
  const child = spawn(process.execPath, [MAIN, ...words], {
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'] },
  });
  return { child, exited: once(child, 'exit'), out: text(child.stdout), err: text(child.stderr) };
}

describe('the gantry process', () => {
  test('Ctrl-C while it follows a task ends it with 130', async () => {
    const looked = Promise.withResolvers<void>();
    async function* running() {
      yield task({ state: 'running' });
      looked.resolve();
      await new Promise(() => {}); // until the caller has gone
    }
    await using server = await startApiServer({
      'POST /api/v1/syncs': () => ({ status: 202, body: task({ state: 'queued' }) }),
      'GET /api/v1/tasks/t1/events': () => ({ events: running() }),
    });
    const { child, exited, out, err } = start('sync', 'candidates', '--server', server.url);
    await looked.promise;
    child.kill('SIGINT');
    child.kill('SIGINT'); // as npm passes it on
    expect(await exited).toEqual([130, null]);
    expect(await out).toBe('');
    expect(await err).toContain('gantry: interrupted: it goes on at the server');
  }, 30_000);

  test('a reader that has seen enough is no error', async () => {
    const items = Array.from({ length: 20_000 }, (_, at) => ({
      serial: at,
      state: 'published',
      root: 'r',
      promotions: [],
      added: { objects: 1, bytes: 1 },
      publishedAt: '',
    }));
    await using server = await startApiServer({
      'GET /api/v1/publications': () => ({ body: { items, next: null } }),
    });
    const child = spawn(
      '/bin/sh',
      ['-c', '"$0" "$@" | head -n 1; exit 0', process.execPath, MAIN, 'publications', '--server', server.url],
      { cwd: tmpdir() },
    );
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(out).toMatch(/^SERIAL/);
    expect(err).toBe('');
  }, 30_000);

  test('every command is there, serve too', async () => {
    const { exited, out } = start('--help');
    expect(await exited).toEqual([0, null]);
    expect(await out).toMatch(/^ {2}serve /m);
    const { exited: local, out: help } = start('sync', '--help');
    expect(await local).toEqual([0, null]);
    expect(await help).toContain('--local');
  }, 30_000);
});
