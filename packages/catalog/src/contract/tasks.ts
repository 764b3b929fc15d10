import type { Task, TaskQuery } from '../index.ts';
import type { CatalogPlace } from '../catalog.contract.ts';
import { updateTask } from '../replace-until-done.ts';
import { allPages, refusesBadPages, task, time } from './samples.ts';

export function tasksContract(open: () => Promise<CatalogPlace>): void {
  test('a new task has revision 1 and comes back whole; an id that is taken is refused', async () => {
    await using place = await open();
    const { tasks } = await place.connect();
    const asked = task('t1', { parameters: { source: 's', repositories: ['a', 'b'] } });
    expect(await tasks.create(asked)).toEqual({ ...asked, revision: 1 });
    expect(await tasks.get('t1')).toEqual({ ...asked, revision: 1 });
    expect(await tasks.get('t2')).toBeUndefined();
    await expect(tasks.create(asked)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  test('replace takes the revision that was read, and no other', async () => {
    await using place = await open();
    const { tasks } = await place.connect();
    const made = await tasks.create(task('t1'));
    const running = await tasks.replace({ ...made, state: 'running' });
    expect(running).toEqual({ ...made, state: 'running', revision: 2 });
    expect(await tasks.replace({ ...made, state: 'cancelled' })).toBeUndefined();
    expect(await tasks.get('t1')).toEqual(running);
  });

  test('updateTask loses no change, and names an unknown id', async () => {
    await using place = await open();
    const catalog = await place.connect();
    const other = await place.connect();
    await catalog.tasks.create(task('t1'));
    await Promise.all(
      Array.from({ length: 10 }, (_, at) => updateTask(at % 2 ? catalog : other, 't1', oneTagMore)),
    );
    expect((await catalog.tasks.get('t1'))?.progress.tags).toBe(10);
    await expect(updateTask(catalog, 't2', oneTagMore)).rejects.toMatchObject({ code: 'TASK_UNKNOWN' });
  });

  test('inStates has all in the states asked for, oldest first', async () => {
    await using place = await open();
    const { tasks } = await place.connect();
    await tasks.create(task('t1', { state: 'running', createdAt: time(3) }));
    await tasks.create(task('t2', { createdAt: time(1) }));
    await tasks.create(task('t3', { state: 'done', createdAt: time(0) }));
    await tasks.create(task('t4', { state: 'running', createdAt: time(2) }));
    expect((await tasks.inStates(['running', 'queued'])).map(({ id }) => id)).toEqual(['t2', 't4', 't1']);
    expect(await tasks.inStates(['failed'])).toEqual([]);
  });

  test('list filters by state and kind, newest first, in pages of any size', async () => {
    await using place = await open();
    const { tasks } = await place.connect();
    const made: Task[] = [];
    for (let at = 0; at < 12; at++) {
      const also = {
        state: at % 2 ? ('done' as const) : ('queued' as const),
        kind: at % 3 ? ('sync' as const) : ('publish' as const),
        createdAt: time(Math.floor(at / 4)),
      };
      made.push(await tasks.create(task(`t${at}`, also)));
    }
    for (const query of [
      {},
      { state: 'done' },
      { kind: 'publish' },
      { state: 'done', kind: 'publish' },
    ] as Omit<TaskQuery, 'limit'>[]) {
      const expected = made
        .filter(
          (one) =>
            (query.state === undefined || one.state === query.state) &&
            (query.kind === undefined || one.kind === query.kind),
        )
        .toReversed();
      for (const limit of [1, 3, 100]) {
        expect(await allPages((page) => tasks.list({ ...query, ...page }), limit)).toEqual(expected);
      }
    }
    await refusesBadPages((page) => tasks.list(page));
  });
}

function oneTagMore(found: Task): Task {
  return { ...found, progress: { ...found.progress, tags: found.progress.tags + 1 } };
}
