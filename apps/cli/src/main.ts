import { createInterface } from 'node:readline/promises';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Interruption } from './cli.ts';
import { addServe } from './commands/serve.ts';
import { EXIT } from './exit-codes.ts';
import { runCli } from './program.ts';

// A reader that has seen enough (`gantry candidates | head`) closes the pipe.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

/** One Ctrl-C comes twice when a parent, such as npm or an older Node, passes on what the terminal sends to the whole group. */
const ECHO_MS = 300;

process.exitCode = await runCli(
  process.argv.slice(2),
  {
    env: process.env,
    cwd: process.cwd(),
    stdout: process.stdout,
    stderr: process.stderr,
    interruptible,
    readInput: () => buffer(process.stdin),
    writeBytes: (chunks) => pipeline(chunks, process.stdout, { end: false }),
    ...(process.stdin.isTTY && process.stderr.isTTY && { ask }),
    openLocal: async (loaded) => {
      const { openLocalOperations } = await import('./local/local-operations.ts');
      return openLocalOperations(loaded, process.env);
    },
  },
  [addServe, ...(await clientCommands())],
);

/** What asks for something; a service loads none of it. */
async function clientCommands() {
  if (process.argv[2] === 'serve') return [];
  const { CLIENT_COMMANDS } = await import('./client-commands.ts');
  return CLIENT_COMMANDS;
}

async function ask(question: string, signal: AbortSignal): Promise<string> {
  using terminal = createInterface({ input: process.stdin, output: process.stderr });
  // The terminal takes Ctrl-C for itself while it reads a line.
  terminal.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  return await terminal.question(question, { signal });
}

/** The first Ctrl-C ends what is under way in an orderly manner, the second at once. */
function interruptible(): Interruption {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const onSignal = () => {
    firstAt ??= performance.now();
    controller.abort();
    if (performance.now() - firstAt >= ECHO_MS) process.exit(EXIT.interrupted);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
