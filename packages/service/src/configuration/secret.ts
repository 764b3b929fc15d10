import { readFile, stat } from 'node:fs/promises';
import { Fault } from '@gantry/oci';

/** What stands in a secret's place where it is shown. */
export const MASK = '********';

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
  /** How it may be shown: an address without its password; absent: not at all. */
  readonly shown?: string;
  /** What it is. A file is read anew each time, so that it can be changed. @throws Fault CONFIGURATION_INVALID */
  readonly read: () => Promise<string>;
}

/** A secret that stands in the configuration itself. @param shown how it may be shown */
export function literalSecret(key: string, value: string, shown?: string): Secret {
  return { key, read: () => Promise.resolve(value), ...(shown !== undefined && { shown }) };
}

/**
 * A secret that lies in a file; one line break at its end is no part of it.
 * @param problem what is wrong with what it holds; undefined: nothing
 */
export function fileSecret(
  key: string,
  file: string,
  problem: (value: string) => string | undefined = () => undefined,
): Secret {
  return {
    key,
    file,
    async read() {
      const value = await readSecretFile(key, file);
      const wrong = problem(value);
      if (wrong !== undefined) throw invalid(key, file, `holds what ${wrong}`);
      return value;
    },
  };
}

/** A secret of two keys: `key` holds it, or `<key>File` names its file, absolute. */
export function secretOf(
  key: string,
  value: string | undefined,
  file: string | undefined,
  at: (relative: string) => string,
): Secret {
  return file === undefined ? literalSecret(key, value ?? '') : fileSecret(`${key}File`, at(file));
}

/** A secret in the form of the file: masked, or the name of the file it lies in. */
export function showSecret(key: string, secret: Secret): Record<string, string> {
  return secret.file === undefined ? { [key]: secret.shown ?? MASK } : { [`${key}File`]: secret.file };
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
