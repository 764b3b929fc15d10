import { createServer } from 'node:http';
import { Fault } from '@gantry/oci';
import { createHealth, type Health } from '../health.ts';
import { createMetrics, type Metrics } from '../metrics.ts';
import { adminListener, createAdminHandler } from './admin-handler.ts';
import { listen, type RunningServer } from './listen.ts';

let health: Health;
let metrics: Metrics;
let running: RunningServer;
beforeEach(async () => {
  health = createHealth({ cacheMs: 0, checkLimitMs: 20 });
  metrics = await createMetrics('test');
  const handler = createAdminHandler(health, metrics);
  running = await listen(
    createServer(adminListener(handler)),
    { host: '127.0.0.1', port: 0 },
    'crane.adminListen',
  );
});
afterEach(() => running.close());

async function ask(
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; body: string; headers: Headers }> {
  const response = await fetch(running.url + path, { ...init, headers: { connection: 'close' } });
  return { status: response.status, body: await response.text(), headers: response.headers };
}

describe('health', () => {
  test('a process that lives says so, and is ready when nothing is against it', async () => {
    expect(await ask('/healthz')).toMatchObject({ status: 200, body: '{"status":"ok","checks":{}}\n' });
    expect(await ask('/livez?x=1')).toMatchObject({ status: 200 });
    expect(await ask('/readyz')).toMatchObject({ status: 200 });
  });

  test('what fails makes it not ready, and is told only as far as we foresaw it', async () => {
    health.addCheck('catalog', () => Promise.resolve());
    health.addCheck('tree', () => {
      throw new Fault('UNAVAILABLE', 'no serial yet');
    });
    health.addCheck('queue', () => Promise.reject(new Error('amqp://u:hunter2@q')));
    health.addCheck('slow', () => new Promise(() => {}));
    const { status, body } = await ask('/readyz');
    expect(status).toBe(503);
    expect(JSON.parse(body)).toEqual({
      status: 'unavailable',
      checks: { catalog: 'ok', tree: 'no serial yet', queue: 'failed', slow: 'no answer in time' },
    });
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
  });

  test('a process that is about to end is not ready but lives', async () => {
    health.drain();
    expect(await ask('/readyz')).toMatchObject({ status: 503 });
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
  });

  test('checks run once for all who ask at the same time', async () => {
    const cached = createHealth({ cacheMs: 60_000 });
    let runs = 0;
    cached.addCheck('one', () => void runs++);
    await Promise.all([cached.ready(), cached.ready(), cached.ready()]);
    expect(runs).toBe(1);
  });
});

describe('metrics', () => {
  test('counters, gauges and histograms stand in the text, with the service and the figures of the process', async () => {
    metrics.counter('x_requests_total', 'Requests.', ['status']).add(2, { status: '200' });
    metrics.gauge('x_serial', 'Serial.', [], (gauge) => gauge.set(42));
    metrics.gauge('x_open', 'Open.').set(3);
    metrics.histogram('x_seconds', 'Time.', [0.1, 1]).observe(0.5);
    const { status, body, headers } = await ask('/metrics');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(body).toContain('x_requests_total{status="200",service="test"} 2');
    expect(body).toContain('x_serial{service="test"} 42');
    expect(body).toContain('x_open{service="test"} 3');
    expect(body).toContain('x_seconds_bucket{le="1",service="test"} 1');
    expect(body).toContain('process_cpu_seconds_total');
  });

  test('two registries in one process do not mix', async () => {
    const other = await createMetrics('other');
    other.counter('x_total', 'X.').add();
    expect((await metrics.render()).body).not.toContain('x_total');
  });
});

describe('other requests', () => {
  test('a path that is none is 404, a method that is none 405', async () => {
    expect(await ask('/')).toMatchObject({ status: 404 });
    const post = await ask('/healthz', { method: 'POST', body: '{}' });
    expect(post.status).toBe(405);
    expect(post.headers.get('allow')).toBe('GET, HEAD');
    expect(await ask('/healthz', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });
});
