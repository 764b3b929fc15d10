import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Environment } from './cli.ts';
import { CLIENT_COMMANDS } from './client-commands.ts';
import { runCli } from './program.ts';

/** How a command line ended, and what it wrote. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process, in an empty working folder and environment unless `changes` say otherwise. */
export async function gantry(words: readonly string[], changes: Partial<Environment> = {}): Promise<Ran> {
  const cwd = await mkdtemp(path.join(tmpdir(), 'gantry-cli-'));
  const written = { out: '', err: '' };
  const environment: Environment = {
    env: {},
    cwd,
    stdout: { write: (text) => (written.out += text) },
    stderr: { write: (text) => (written.err += text) },
    interruptible: () => ({ signal: new AbortController().signal, [Symbol.dispose]() {} }),
    ...changes,
  };
  try {
    const code = await runCli(words, environment, CLIENT_COMMANDS);
    return { code, ...written };
  } finally {
    await rm(cwd, { recursive: true });
  }
}
