import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A process that takes a message of the queue `q`, prints its id and attempt, and never ends with it. */
export function startChild(amqp: { url: string; exchange: string }) {
  const source = `
    import { openMessages } from '@gantry/messages';
    const messages = await openMessages({ amqp: JSON.parse(process.env.AMQP) });
    await messages.consume('q', ({ event, attempt }) => {
      process.stdout.write(event.id + ' ' + attempt + '\\n');
      return new Promise(() => {});
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], AMQP: JSON.stringify(amqp) },
  });
  const exit = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    nextLine: async () => {
      const { value, done } = await lines.next();
      if (done === true) throw new Error('the child ended');
      return value;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  };
}
