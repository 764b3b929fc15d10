import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { layTree } from '@gantry/tree';
import { until } from '../../until.fixture.ts';
import { startCraneWorkers } from './start-crane-workers.ts';

interface Line {
  readonly message: string;
  readonly worker?: number;
  readonly workerPid?: number;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'gantry-hung-worker-'));
  await layTree(folder, { repositories: [] });
});
afterAll(async () => rm(folder, { recursive: true }));

/** Workers that are asked every second, and what was logged of them. */
async function start(count: number) {
  const lines: Line[] = [];
  const note = (fields: object, message: string) => void lines.push({ ...fields, message });
  const log = { info: note, warn: note, error: note };
  const local = { host: '127.0.0.1', port: 0 };
  const options = {
    listen: local,
    adminListen: local,
    tree: folder,
    pollMs: 1000,
    status: 302,
    manifests: 'serve',
    mirrors: [],
    logger: log,
  } as const;
  const crane = await startCraneWorkers(options, count, log, { askEveryMs: 1000 });
  const told = (message: string) => lines.filter((line) => line.message === message);
  await until('the workers to start', () => told('worker.started').length === count);
  const { worker, workerPid = 0 } = told('worker.started')[0] as Line;
  return { crane, told, worker, workerPid };
}

test('a worker that hangs is killed, told of in one line and counted; another one takes its place, and the rest goes on', async () => {
  const { crane, told, worker, workerPid } = await start(2);
  await using _ = crane;
  process.kill(workerPid, 'SIGSTOP');
  // Some of these are taken by the worker that hangs, and cut when it is killed; the others go through.
  const answers: number[] = [];
  await until('another worker, and answers', async () => {
    const asked = Array.from({ length: 8 }, () =>
      fetch(`${crane.url}/v2/`, { headers: { connection: 'close' } }).then(
        ({ status }) => void answers.push(status),
        () => undefined,
      ),
    );
    await Promise.all(asked);
    return told('worker.started').length === 3 && answers.length >= 40;
  });
  expect(new Set(answers)).toEqual(new Set([200]));
  expect(existsSync(`/proc/${workerPid}`)).toBe(false);
  expect(told('worker.hung')).toMatchObject([{ worker, workerPid, signal: 'SIGKILL' }]);
  expect(told('worker.died')).toEqual([]);
  const metrics = await (await fetch(`${crane.adminUrl}/metrics`)).text();
  expect(metrics).toMatch(/gantry_crane_worker_hangs_total\S* 1\n/);
  expect(metrics).toMatch(/gantry_crane_worker_restarts_total\S* 1\n/);
}, 60_000);

test('one that hangs while all are to end is killed, too', async () => {
  const { crane, workerPid } = await start(1);
  process.kill(workerPid, 'SIGSTOP');
  await crane[Symbol.asyncDispose]();
  expect(existsSync(`/proc/${workerPid}`)).toBe(false);
}, 60_000);
