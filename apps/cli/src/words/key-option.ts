import path from 'node:path';
import { type PublicKey, readPublicKeyFile } from '@gantry/tree';
import type { Environment } from '../cli.ts';

/** Collects an option that may be given several times; a list of words after it would take the argument, too. */
export function collect(value: string, former: readonly string[] = []): readonly string[] {
  return [...former, value];
}

/** The public keys that `--key` names. @throws Fault CONFIGURATION_INVALID */
export function readKeyOption(files: readonly string[], { cwd }: Environment): Promise<readonly PublicKey[]> {
  return Promise.all(files.map((file) => readPublicKeyFile(path.resolve(cwd, file), '--key')));
}
