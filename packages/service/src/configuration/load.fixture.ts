import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '@gantry/oci';
import type { Environment } from './environment.ts';
import { loadConfiguration, type LoadedConfiguration } from './load.ts';

/** Writes `gantry.yaml` into `cwd`, for its owner alone, and loads it. */
export async function load(cwd: string, text: string, env: Environment = {}): Promise<LoadedConfiguration> {
  await writeFile(path.join(cwd, 'gantry.yaml'), text, { mode: 0o600 });
  return loadConfiguration({ env, cwd });
}

/** The lines of the fault that loading the text gives. */
export async function problemsOf(cwd: string, text: string, env: Environment = {}): Promise<string[]> {
  try {
    await load(cwd, text, env);
  } catch (error) {
    if (error instanceof Fault && error.code === 'CONFIGURATION_INVALID') return error.message.split('\n');
    throw error;
  }
  return [];
}
