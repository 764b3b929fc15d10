import { Fault } from '@gantry/oci';
import { followUntil } from './follow.ts';

const { signal } = new AbortController();
const failing = (fault: Error) => async () => {
  throw fault;
};
const hasEnded = (state: string) => state === 'done';

describe('following', () => {
  test('looks until the end, and tells of each look', async () => {
    const states = ['running', 'running', 'done'];
    const seen: string[] = [];
    const last = await followUntil(
      'queued',
      async () => states.shift() ?? '',
      hasEnded,
      (state) => seen.push(state),
      { signal },
    );
    expect(last).toBe('done');
    expect(seen).toEqual(['queued', 'running', 'running', 'done']);
  });

  test('what has ended already is not looked at again', async () => {
    const look = failing(new Error('a look'));
    expect(await followUntil('done', look, hasEnded, () => {}, { signal })).toBe('done');
  });

  test('a server that is away for a while is waited for', async () => {
    let looks = 0;
    const look = async () => {
      if (++looks < 3) throw new Fault('SERVER_UNREACHABLE', 'away');
      return 'done';
    };
    expect(await followUntil('queued', look, hasEnded, () => {}, { signal })).toBe('done');
  });

  test('a server that stays away is given up', async () => {
    const look = failing(new Fault('SERVER_UNREACHABLE', 'away'));
    await expect(followUntil('queued', look, hasEnded, () => {}, { signal, patienceMs: 0 })).rejects.toThrow(
      'away',
    );
  });

  test('an error that time does not mend ends it at once', async () => {
    const look = failing(new Fault('TASK_UNKNOWN', 'no such task'));
    await expect(followUntil('queued', look, hasEnded, () => {}, { signal })).rejects.toThrow('no such task');
  });

  test('an aborted signal ends it', async () => {
    const controller = new AbortController();
    const following = followUntil(
      'queued',
      async () => 'running',
      hasEnded,
      () => controller.abort(),
      { signal: controller.signal },
    );
    await expect(following).rejects.toMatchObject({ name: 'AbortError' });
  });
});
