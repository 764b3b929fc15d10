import { readFile, stat } from 'node:fs/promises';
import { Fault } from '@gantry/oci';

const MAX_BYTES = 64 * 1024;

/**
 * A password or token that the configuration holds or names a file of. Printed or logged it shows where it comes from,
 * never what it is.
 */
export interface Secret {
  /** The key that it stands under, for messages: `sources[0].credentials.passwordFile`. */
  readonly key: string;
  /** The file it is read from, absolute; absent: it stands in the configuration itself. */
  readonly file?: string;
  /** What it is. A file is read anew each time, so that it can be changed. @throws Fault CONFIGURATION_INVALID */
  readonly read: () => Promise<string>;
}

/** A secret that stands in the configuration itself. */
export function literalSecret(key: string, value: string): Secret {
  return { key, read: () => Promise.resolve(value) };
}

/** A secret that lies in a file; one line break at its end is no part of it. */
export function fileSecret(key: string, file: string): Secret {
  return { key, file, read: () => readSecretFile(key, file) };
}

async function readSecretFile(key: string, file: string): Promise<string> {
  let value: string;
  try {
    const { size } = await stat(file);
    if (size > MAX_BYTES) throw invalid(key, file, `is larger than ${MAX_BYTES} bytes`);
    value = (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw invalid(key, file, `can not be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`);
  }
  if (value === '') throw invalid(key, file, 'is empty');
  return value;
}

function invalid(key: string, file: string, why: string): Fault {
  return new Fault('CONFIGURATION_INVALID', `${key}: the file ${file} ${why}`, { key, file });
}
