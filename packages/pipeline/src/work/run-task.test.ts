import { openFlow } from '../flow.fixture.ts';
import { recordTask } from './create-task.ts';
import { runTask } from './run-task.ts';

test('a worker whose task was taken over meanwhile leaves its end to the other one', async () => {
  await using fixture = await openFlow();
  const { flow } = fixture;
  const { leases, tasks } = flow.catalog;
  const { id } = await recordTask(flow, 'sync', { source: 'candidates' });
  const stop = new AbortController().signal;
  const takenOver = async () => {
    const held = (await leases.list()).find(({ name }) => name === `task:${id}`);
    if (held === undefined) throw new Error('the task is run without its lease');
    await leases.release(held); // as good as over
    await leases.acquire(held.name, 'another', 60_000);
    return { state: 'failed' as const, errors: [] };
  };

  await runTask(flow, id, takenOver, stop);

  expect((await tasks.get(id))?.state).toBe('running');
  expect(await flow.catalog.outbox.pending('9999-01-01T00:00:00.000Z', 10)).toEqual([]);
  expect((await leases.list()).map(({ holder }) => holder)).toEqual(['another']);
});
