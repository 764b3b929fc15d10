import { Fault } from '@gantry/oci';
import { followEvents } from './follow-events.ts';

const { signal } = new AbortController();
const hasEnded = (state: string) => state === 'done';
const nothing = () => {};

/** Streams, each of which tells some states and ends, by itself or with a fault. */
function streams(...parts: readonly (readonly (string | Error)[])[]) {
  let at = 0;
  return async function* () {
    for (const part of parts[Math.min(at++, parts.length - 1)] ?? []) {
      if (part instanceof Error) throw part;
      yield part;
    }
  };
}

describe('following', () => {
  test('tells of each change, until the end', async () => {
    const seen: string[] = [];
    const open = streams(['queued', 'running', 'done', 'never read']);
    expect(await followEvents('queued', open, hasEnded, (state) => seen.push(state), { signal })).toBe(
      'done',
    );
    expect(seen).toEqual(['queued', 'queued', 'running', 'done']);
  });

  test('what has ended already is not looked at again', async () => {
    const open = streams([new Error('a look')]);
    expect(await followEvents('done', open, hasEnded, nothing, { signal })).toBe('done');
  });

  test('a server that is away for a while, or ends the stream early, is asked again', async () => {
    const away = new Fault('SERVER_UNREACHABLE', 'away');
    const open = streams([away], ['running'], [away], ['running', away], ['done']);
    expect(await followEvents('queued', open, hasEnded, nothing, { signal })).toBe('done');
  });

  test('a server that stays away is given up', async () => {
    const open = streams([new Fault('SERVER_UNREACHABLE', 'away')]);
    const following = followEvents('queued', open, hasEnded, nothing, { signal, patienceMs: -1 });
    await expect(following).rejects.toThrow('away');
  });

  test('a stream that tells nothing is given up', async () => {
    const following = followEvents('queued', streams([]), hasEnded, nothing, { signal, patienceMs: -1 });
    await expect(following).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('an error that time does not mend ends it at once', async () => {
    const open = streams([new Fault('TASK_UNKNOWN', 'no such task')]);
    await expect(followEvents('queued', open, hasEnded, nothing, { signal })).rejects.toThrow('no such task');
  });

  test('an aborted signal ends it', async () => {
    const controller = new AbortController();
    const following = followEvents('queued', streams(['running']), hasEnded, () => controller.abort(), {
      signal: controller.signal,
    });
    await expect(following).rejects.toMatchObject({ name: 'AbortError' });
  });
});
