import { sharedApi } from '../api.fixture.ts';

const worker = (id: string, service: string) => ({
  id,
  service,
  host: 'builder-1',
  pid: 7,
  version: '0.1.0',
  startedAt: '2026-11-21T09:00:00.000Z',
});

describe('who works', () => {
  const shared = sharedApi(async ({ flow: { catalog } }) => {
    for (const [id, service] of [
      ['c', 'sync'],
      ['b', 'promote'],
      ['a', 'sync'],
    ] as const)
      await catalog.workers.beat(worker(id, service), 60_000);
    for (const name of ['publish:main', 'task:1', 'task:2'])
      await catalog.leases.acquire(name, 'builder-1 7', 60_000);
  });

  test('GET /api/v1/workers lists them by service, page by page', async () => {
    const { items, pages } = await shared().listAll('/api/v1/workers', 2);
    expect(pages).toBe(2);
    expect(items).toMatchObject([worker('b', 'promote'), worker('a', 'sync'), worker('c', 'sync')]);
    const [first] = items as { seenAt: string; expiresAt: string }[];
    expect(Date.parse(first?.expiresAt ?? '') - Date.parse(first?.seenAt ?? '')).toBe(60_000);
  });

  test('GET /api/v1/leases lists those in force with their holders, page by page', async () => {
    const { items, pages } = await shared().listAll('/api/v1/leases', 2);
    expect(pages).toBe(2);
    expect(items).toMatchObject([
      { name: 'publish:main', holder: 'builder-1 7', fence: expect.any(Number) },
      { name: 'task:1' },
      { name: 'task:2' },
    ]);
  });

  test('the figures count them, by kind and never by id', async () => {
    const { body } = await shared().call('GET', '/metrics');
    for (const line of [
      'gantry_workers{worker_service="sync",service="promote"} 2',
      'gantry_workers{worker_service="promote",service="promote"} 1',
      'gantry_leases_held{kind="task",service="promote"} 2',
      'gantry_leases_held{kind="publish",service="promote"} 1',
      'gantry_queue_messages{queue="gantry.sync",state="ready",service="promote"} 0',
      'gantry_outbox_pending{service="promote"} 0',
    ])
      expect(body).toContain(line);
    expect(body).not.toContain('task:1');
  });
});
