import type { LoadedConfiguration } from '@gantry/service';
import type { Command } from 'commander';
import type { Operations } from './operations.ts';

/** Where text goes: standard output or standard error, or what a test hands in. */
export interface Output {
  write(text: string): unknown;
  /** Whether a person looks at it. */
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Ctrl-C while a command runs. Disposing of it gives the signals back. */
export interface Interruption extends Disposable {
  readonly signal: AbortSignal;
}

/** Opens the configuration's own stores, for `--local`. */
export type OpenLocal = (loaded: LoadedConfiguration) => Promise<Operations>;

/** Adds a command to the program. */
export type AddCommand = (program: Command, cli: Cli) => void;

/** What the command line runs in. */
export interface Environment {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Writes bytes to standard output, as fast as it takes them. */
  readonly writeBytes?: (chunks: AsyncIterable<Uint8Array>) => Promise<void>;
  /** Standard input, to its end. */
  readonly readInput?: () => Promise<Uint8Array>;
  /** Asks whoever sits before the terminal, on standard error; absent: nobody does. */
  readonly ask?: (question: string, signal: AbortSignal) => Promise<string>;
  /** Begins to listen for Ctrl-C. */
  readonly interruptible: () => Interruption;
  /** Absent: there is no `--local`. */
  readonly openLocal?: OpenLocal;
}

/** What commands are made with. */
export interface Cli extends Environment {
  /**
   * Makes a commander action: `work` gets the options (the program's too) and the words, and returns the exit code.
   * Options are as the command declares them, which commander's types do not know.
   */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- they say what commander's types do not
  act<Options, Words extends readonly unknown[] = []>(
    work: (options: Options & GlobalOptions, ...words: Words) => Promise<number>,
  ): (...parameters: unknown[]) => Promise<void>;
}

/** Options that every command takes. */
export interface GlobalOptions {
  readonly config?: string;
  readonly server?: string;
  readonly token?: string;
  readonly output: 'table' | 'json' | 'plain';
}
