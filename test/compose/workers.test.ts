import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { helloImage, push } from '../fixtures/build-registry.ts';
import { gantry } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { run } from '../servers/run.ts';
import { until } from '../servers/until.ts';
import { ROOT } from './compose-model.ts';
import { openWorkers, type Worker, type Workers, WORKERS_PARTS } from './workers.ts';

/** Two sync and two promote workers share the work on the engines and the configuration of docker-compose.yml. */

let workers: Workers;
const real = needs(...WORKERS_PARTS).showing(() => workers?.servers ?? []);

real.beforeAll(async () => {
  workers = await openWorkers();
}, 180_000);
real.afterAll(async () => workers?.[Symbol.asyncDispose](), 60_000);

/** Pushes an image, waits until it is a candidate, and promotes it by that worker. @returns the serial */
async function release(name: string, { api }: Worker): Promise<number> {
  await push(workers.registry, name, helloImage(name, { format: 'oci' }), '1');
  await until(
    `${name}:1 to be a candidate`,
    async () => (await api.candidates()).some(({ repository }) => repository === name),
    { withinMs: 60_000 },
  );
  const { state, serial } = await api.promote('stable', [{ repository: name, reference: '1' }]);
  if (state !== 'done' || typeof serial !== 'number') throw new Error(`the promotion ended ${state}`);
  return serial;
}

/** The tree is whole, and the web servers, who are other users, may read all of it. */
async function verifies(): Promise<void> {
  expect(await run('find', [workers.tree, '-not', '-name', '.tmp', '-not', '-perm', '-004'])).toBe('');
  const { code, stderr } = await gantry(workers.folder, ['verify', workers.tree, '--deep']);
  expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
}

real.test(
  'a push is told by the registry, synced to S3, promoted, and published from there to the folder',
  async () => {
    expect(await release('app', workers.promote[0])).toBe(1);
    await verifies();
    const stored = await readdir(path.join(workers.buckets, 'gantry-store'), { recursive: true });
    expect(stored.length).toBeGreaterThan(3);
  },
  120_000,
);

real.test(
  'each API tells of all four workers',
  async () => {
    for (const { api } of workers.promote) {
      const { status, body } = await api.call<{ items: unknown[] }>('GET', '/api/v1/workers');
      expect([status, body.items.length]).toEqual([200, 4]);
    }
  },
  60_000,
);

real.test(
  'each command of docs/deploy.md that is run in a promote worker does there what it says',
  async () => {
    const document = await readFile(path.join(ROOT, 'docs/deploy.md'), 'utf8');
    const lines = [...document.matchAll(/^docker compose exec promote-1 gantry (.*)$/gm)].map(
      ([, line]) => line ?? '',
    );
    expect(lines.length).toBeGreaterThan(2);
    // As the lines before them push it.
    await push(workers.registry, 'hello', helloImage('hello', { format: 'docker' }), '1.0');
    const { api } = workers.promote[0];
    await until('hello:1.0 to be a candidate', async () =>
      (await api.candidates()).some(({ repository }) => repository === 'hello'),
    );
    const env = { GANTRY_API_LISTEN: new URL(api.url).host };
    for (const line of lines) {
      const { code, stdout, stderr } = await gantry(workers.folder, line.split(' '), { env });
      expect([line, code, stderr]).toEqual([line, 0, expect.not.stringContaining('warning')]);
      expect(stdout).not.toBe('');
    }
    const { body } = await api.call<{ items: { tag: string }[] }>(
      'GET',
      '/api/v1/channels/stable/tags?repository=hello',
    );
    expect(body.items.map(({ tag }) => tag)).toEqual(['1.0']);
  },
  60_000,
);

real.test(
  'when one of each kind is killed the others go on, with the same administrator',
  async () => {
    await workers.sync[0].kill('SIGKILL');
    const second = await release('second', workers.promote[0]);
    expect(second).toBe(3);
    // The registry tells the first promote worker: from now on a sync has to be asked for.
    await workers.promote[0].kill('SIGKILL');
    const [, left] = workers.promote;
    await push(workers.registry, 'third', helloImage('third', { format: 'oci' }), '1');
    const synced = await left.api.sync('candidates');
    expect(synced.state).toBe('done');
    const { state, serial } = await left.api.promote('stable', [{ repository: 'third', reference: '1' }]);
    expect([state, serial]).toEqual(['done', 4]);
    await verifies();
  },
  180_000,
);
