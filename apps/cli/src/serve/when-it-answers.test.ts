import { Fault } from '@gantry/oci';
import { whenItAnswers } from './when-it-answers.ts';

interface Line {
  readonly event: string;
  readonly section?: string;
  readonly err?: Fault;
}

/** An opener with short pauses, and what it logged. */
function opener(changed: { limitMs?: number; signal?: AbortSignal; silentAfterMs?: number } = {}) {
  const lines: Line[] = [];
  const note = (fields: object, event: string) => void lines.push({ ...fields, event });
  const log = { warn: note, info: note } as unknown as Parameters<typeof whenItAnswers>[0];
  const { signal } = new AbortController();
  const open = whenItAnswers(log, {
    signal,
    limitMs: 20_000,
    firstPauseMs: 1,
    silentAfterMs: 20_000,
    ...changed,
  });
  return { open, lines };
}

const away = () => new Fault('UNAVAILABLE', 'the catalog at db.example does not answer');

describe('an engine at the start', () => {
  test('that answers at once is opened without a word', async () => {
    const { open, lines } = opener();
    expect(await open('catalog', async () => 'opened')).toBe('opened');
    expect(lines).toEqual([]);
  });

  test('that does not answer yet is tried again, each attempt with a line of the log', async () => {
    const { open, lines } = opener();
    let attempts = 0;
    const opened = await open('catalog', async () => {
      if (++attempts < 4) throw away();
      return 'opened';
    });
    expect(opened).toBe('opened');
    expect(lines.map(({ event, section }) => `${event} ${section}`)).toEqual([
      'engine.waiting catalog',
      'engine.waiting catalog',
      'engine.waiting catalog',
      'engine.answers catalog',
    ]);
    expect(lines[0]?.err?.message).toBe('the catalog at db.example does not answer');
  });

  test('that stays away is given up, to be tried again by whoever started it', async () => {
    const { open, lines } = opener({ limitMs: 1000 });
    await expect(open('catalog', () => Promise.reject(away()))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message:
        'gave up after 1 s: what is configured as catalog does not answer: the catalog at db.example does not answer',
    });
    expect(lines.length).toBeGreaterThan(0);
  });

  test('that neither answers nor fails is given up too, and closed when it comes late', async () => {
    const { open } = opener({ limitMs: 10 });
    const late = Promise.withResolvers<AsyncDisposable>();
    const closed = Promise.withResolvers<void>();
    await expect(open('storage', () => late.promise)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    late.resolve({ [Symbol.asyncDispose]: async () => closed.resolve() });
    await closed.promise;
  });

  test('that takes long over an attempt is told of meanwhile', async () => {
    const { open, lines } = opener({ silentAfterMs: 1 });
    const found = Promise.withResolvers<string>();
    const opening = open('catalog', () => found.promise);
    while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    found.resolve('opened');
    expect(await opening).toBe('opened');
    expect(lines.map(({ event }) => event)).toEqual(['engine.waiting', 'engine.answers']);
  });

  test('that refuses us is not tried again: waiting mends nothing', async () => {
    const { open, lines } = opener();
    let attempts = 0;
    const refused = open('catalog', async () => {
      attempts++;
      throw new Fault('CONFIGURATION_INVALID', 'the password is wrong');
    });
    await expect(refused).rejects.toThrow('the password is wrong');
    expect([attempts, lines]).toEqual([1, []]);
  });

  test('is not waited for when the process is to end', async () => {
    const stopping = new AbortController();
    const { open } = opener({ signal: stopping.signal });
    const stopped = open('messages', () => {
      stopping.abort();
      return Promise.reject(away());
    });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('that is silent is not waited for either', async () => {
    const stopping = new AbortController();
    const { open } = opener({ signal: stopping.signal });
    const stopped = open('messages', () => new Promise(() => {}));
    stopping.abort();
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
  });
});
