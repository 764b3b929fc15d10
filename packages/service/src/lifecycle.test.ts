import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { text } from 'node:stream/consumers';
import { runUntilSignal } from './lifecycle.ts';

const LIFECYCLE = new URL('lifecycle.ts', import.meta.url).href;

/** Something that notes its end. */
function resource(name: string, ended: string[], fail = false): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      ended.push(name);
      if (fail) throw new Error(`${name} does not end`);
    },
  };
}

describe('the life of a service', () => {
  test('the first signal ends what was started, the last first', async () => {
    const signals = new EventEmitter();
    const ended: string[] = [];
    const code = await runUntilSignal(
      (resources) => {
        resources.use(resource('catalog', ended));
        resources.use(resource('server', ended));
        setImmediate(() => signals.emit('SIGTERM', 'SIGTERM'));
      },
      { signals, onStop: (signal) => ended.push(signal) },
    );
    expect(code).toBe(0);
    expect(ended).toEqual(['SIGTERM', 'server', 'catalog']);
    expect(signals.eventNames()).toEqual([]);
  });

  test('one that does not end keeps no other from ending, and is told of', async () => {
    const signals = new EventEmitter();
    const ended: string[] = [];
    const errors: unknown[] = [];
    const code = await runUntilSignal(
      (resources) => {
        resources.use(resource('catalog', ended));
        resources.use(resource('server', ended, true));
        setImmediate(() => signals.emit('SIGINT', 'SIGINT'));
      },
      { signals, onError: (error) => errors.push(error) },
    );
    expect(code).toBe(1);
    expect(ended).toEqual(['server', 'catalog']);
    expect(errors).toEqual([new Error('server does not end')]);
  });

  test('an end that takes too long is given up', async () => {
    const signals = new EventEmitter();
    const errors: unknown[] = [];
    const code = await runUntilSignal(
      (resources) => {
        resources.use({ [Symbol.asyncDispose]: () => new Promise<void>(() => {}) });
        setImmediate(() => signals.emit('SIGINT', 'SIGINT'));
      },
      { signals, limitMs: 1, onError: (error) => errors.push(error) },
    );
    expect(code).toBe(1);
    expect(errors).toEqual([new Error('not ended after 1 ms')]);
  });

  test('what a start that fails had begun is ended, and its error is thrown', async () => {
    const ended: string[] = [];
    const start = runUntilSignal(
      (resources) => {
        resources.use(resource('catalog', ended));
        throw new Error('no port');
      },
      { signals: new EventEmitter() },
    );
    await expect(start).rejects.toThrow('no port');
    expect(ended).toEqual(['catalog']);
  });

  test('a signal during the start ends it', async () => {
    const signals = new EventEmitter();
    const ended: string[] = [];
    const code = await runUntilSignal(
      async (resources, signal) => {
        resources.use(resource('catalog', ended));
        setImmediate(() => signals.emit('SIGINT', 'SIGINT'));
        await once(signal, 'abort');
        signal.throwIfAborted();
      },
      { signals },
    );
    expect(code).toBe(0);
    expect(ended).toEqual(['catalog']);
  });

  test('the echo of a signal is not a second one; a later one ends the process at once', async () => {
    const signals = new EventEmitter();
    const exits: number[] = [];
    const release = Promise.withResolvers<void>();
    const running = runUntilSignal(
      (resources) => {
        resources.use({ [Symbol.asyncDispose]: () => release.promise });
      },
      { signals, exit: (code) => exits.push(code) },
    );
    signals.emit('SIGINT', 'SIGINT');
    signals.emit('SIGINT', 'SIGINT');
    expect(exits).toEqual([]);
    while (exits.length === 0) {
      signals.emit('SIGINT', 'SIGINT');
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(exits).toEqual([130]);
    release.resolve();
    expect(await running).toBe(0);
  });

  test('a real process ends in order at SIGTERM and exits with 0', async () => {
    const program = `
      import { runUntilSignal } from ${JSON.stringify(LIFECYCLE)};
      const alive = setInterval(() => {}, 1000);
      process.exitCode = await runUntilSignal((resources) => {
        resources.defer(() => { clearInterval(alive); console.log('ended'); });
        console.log('started');
      });`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    child.stdout.once('data', () => child.kill('SIGTERM'));
    const output = await text(child.stdout);
    expect(output).toBe('started\nended\n');
    expect(await exited).toEqual([0, null]);
  });
});
