import { setImmediate as nextTurn } from 'node:timers/promises';
import { openSync, until } from './sync.fixture.ts';
import { createSyncWorker } from './sync-worker.ts';

test('named tags do not wait for long syncs, and a task that is at hand is not taken twice', async () => {
  await using fixture = await openSync();
  const begun: string[] = [];
  const end = Promise.withResolvers<void>();
  const stop = new AbortController();
  const worker = createSyncWorker(
    fixture.flow,
    async (task) => {
      begun.push(task);
      await end.promise;
    },
    stop.signal,
  );
  const listed = await Promise.all(Array.from({ length: 6 }, (_, at) => fixture.ask({ source: `s${at}` })));
  const items = [{ sourceRepository: 'app', tags: ['1'] }];
  const named = await fixture.ask({ source: 's0', items });
  const waits = await fixture.ask({ source: 's0', items });
  const runs = [...listed, named, waits, ...listed, named].map(({ id }) => worker.run(id));
  await until(() => (begun.length === 5 ? true : undefined));
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  expect(begun.toSorted()).toEqual([...listed.slice(0, 4), named].map(({ id }) => id).toSorted());
  stop.abort(); // what waits is left to the next process
  end.resolve();
  await Promise.all(runs);
  await worker.idle();
  expect(begun).toHaveLength(5);
});
