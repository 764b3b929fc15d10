import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

/** What a command did. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** The whole environment; absent: that of the tests. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

/** Runs a command to its end, whatever its exit code is. A signal that ended it counts as 128. */
export async function attempt(
  command: string,
  args: readonly string[],
  { env = process.env, cwd, timeoutMs = 100_000 }: RunOptions = {},
): Promise<Outcome> {
  const child = spawn(command, args, {
    env,
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 128));
  });
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}

/** Runs a command that must succeed, and gives its stdout. Else the error shows the command and all it said. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await attempt(command, args, options);
  if (code !== 0) {
    throw new Error(
      `exit ${code} of: ${command} ${args.join(' ')}\n${stderr.trimEnd()}\n${stdout.trimEnd()}`,
    );
  }
  return stdout;
}
