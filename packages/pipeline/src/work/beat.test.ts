import { hostname } from 'node:os';
import type { Workers } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import type { Flow } from '../context.ts';
import { openFlow } from '../flow.fixture.ts';
import { until } from '../until.fixture.ts';
import { startBeating } from './beat.ts';

/** A flow whose catalog takes beats as a test says; all else of it is the real one. */
function withBeats(flow: Flow, beat: Workers['beat'], log: Flow['log'] = flow.log): Flow {
  const { workers } = flow.catalog;
  const changed: Workers = {
    beat,
    leave: (id) => workers.leave(id),
    list: () => workers.list(),
  };
  const catalog = Object.create(flow.catalog, { workers: { value: changed } }) as Flow['catalog'];
  return { ...flow, log, catalog };
}

describe('a worker', () => {
  test('is in the list from its start to its end, and two of one service are two', async () => {
    await using fixture = await openFlow();
    const { flow } = fixture;
    const list = () => flow.catalog.workers.list();
    {
      await using resources = new AsyncDisposableStack();
      for (let n = 0; n < 2; n++) resources.use(await startBeating(flow, { service: 'sync', version: '1' }));
      const workers = await list();
      expect(workers).toHaveLength(2);
      expect(new Set(workers.map(({ id }) => id)).size).toBe(2);
      expect(workers[0]).toMatchObject({
        service: 'sync',
        host: hostname(),
        pid: process.pid,
        version: '1',
        startedAt: '2026-11-21T09:00:00.000Z',
      });
    }
    expect(await list()).toEqual([]);
  });

  test('beats again and again, also after a catalog that did not answer, which is logged once', async () => {
    await using fixture = await openFlow();
    const { workers } = fixture.flow.catalog;
    const warnings: string[] = [];
    let beats = 0;
    const flow = withBeats(
      fixture.flow,
      async (worker, ttlMs) => {
        beats++;
        if (beats > 1 && beats < 5) throw new Fault('UNAVAILABLE', 'the catalog does not answer');
        await workers.beat(worker, ttlMs);
      },
      { ...fixture.flow.log, warn: (_fields, event) => warnings.push(event) },
    );
    await using resources = new AsyncDisposableStack();
    resources.use(await startBeating(flow, { service: 'promote', version: '1' }, 5));
    await until('more than six beats', () => beats > 6);
    expect(warnings).toEqual(['worker.beat_failed']);
    expect(await workers.list()).toHaveLength(1);
  });

  test('that leaves while it beats has left', async () => {
    await using fixture = await openFlow();
    const { workers } = fixture.flow.catalog;
    const release = Promise.withResolvers<void>();
    let beats = 0;
    const flow = withBeats(fixture.flow, async (worker, ttlMs) => {
      beats++;
      if (beats > 1) await release.promise;
      await workers.beat(worker, ttlMs);
    });
    const beating = await startBeating(flow, { service: 'sync', version: '1' }, 5);
    await until('a second beat', () => beats > 1);
    const left = beating[Symbol.asyncDispose]();
    release.resolve();
    await left;
    expect(await workers.list()).toEqual([]);
  });
});
