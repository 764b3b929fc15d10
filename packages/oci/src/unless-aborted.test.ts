import { getEventListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { unlessAborted } from './unless-aborted.ts';

const never = new Promise<never>(() => undefined);

describe('what is waited for unless a signal is aborted', () => {
  test('gives what it gives, and leaves nothing at the signal', async () => {
    const { signal } = new AbortController();
    const waiting = unlessAborted(Promise.resolve('value'), signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    expect(await waiting).toBe('value');
    await expect(unlessAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test("throws the signal's reason as soon as it is aborted, whatever becomes of it later", async () => {
    const ending = new AbortController();
    const late = Promise.withResolvers<string>();
    const waiting = unlessAborted(late.promise, ending.signal);
    ending.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    late.reject(new Error('too late to matter')); // were it not heeded, this test would fail by it
    await nextTurn();
  });

  test('is not waited for when the signal was aborted before', async () => {
    await expect(unlessAborted(never, AbortSignal.abort(new Error('never')))).rejects.toThrow('never');
  });
});
