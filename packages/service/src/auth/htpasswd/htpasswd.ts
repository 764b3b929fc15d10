import { readFile, stat } from 'node:fs/promises';
import { asFault, Fault } from '@gantry/oci';
import { remember } from '../ldap/remember.ts';
import { type ComparePasswords, passwordComparer } from './compare-passwords.ts';
import { parseHtpasswd } from './parse-htpasswd.ts';

/** Users that are known by their passwords. */
export interface PasswordFile extends Disposable {
  /**
   * Whether a user has this password. The answer yes is remembered for 30 s.
   * @throws Fault UNAVAILABLE when too many are looked at already
   */
  knows(user: string, password: string): Promise<boolean>;
}

export interface PasswordFileOptions {
  /** Where the file is named, for messages. */
  readonly key: string;
  readonly log: { error(fields: object, event: string): void };
}

/** How long the file is not looked at again. */
const LOOK_AGAIN_MS = 1000;
/** bcrypt reads no more, in UTF-8. */
const PASSWORD_MAX_BYTES = 72;
/** What a password of a user who is not there is compared with, so that it takes as long: a hash of no password. */
const NOBODY = '.'.repeat(53);

/**
 * Opens an htpasswd file. When it changes it is read again; one that can not be used then is told of in the log, and the
 * former users stay.
 * @throws Fault CONFIGURATION_INVALID for a file that can not be read or used
 */
export async function openHtpasswd(file: string, { key, log }: PasswordFileOptions): Promise<PasswordFile> {
  const compare = passwordComparer();
  let state = await stateOf(file, key);
  let users = await readUsers(file, key, compare);
  let lookedMs = performance.now();

  const look = async (): Promise<void> => {
    if (performance.now() - lookedMs < LOOK_AGAIN_MS) return;
    lookedMs = performance.now();
    try {
      const now = await stateOf(file, key);
      if (now === state) return;
      state = now;
      users = await readUsers(file, key, compare);
    } catch (error) {
      log.error({ err: asFault(error) }, 'htpasswd.refused');
    }
  };

  return {
    async knows(user, password) {
      if (Buffer.byteLength(password) > PASSWORD_MAX_BYTES) return false;
      await look();
      return (await users(user, password)) === true;
    },
    [Symbol.dispose]: () => compare[Symbol.dispose](),
  };
}

async function readUsers(file: string, key: string, compare: ComparePasswords) {
  const hashes = parseHtpasswd(await readText(file, key), `${key}: ${file}`);
  const [some = '$2y$10$'] = hashes.values();
  const nobody = some.slice(0, '$2y$10$'.length) + NOBODY;
  return remember(async (user, password) => {
    const hash = hashes.get(user);
    const isSame = await compare(password, hash ?? nobody);
    return isSame && hash !== undefined ? true : undefined;
  });
}

async function readText(file: string, key: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw unreadable(file, key, error);
  });
}

/** Another text: something was written. */
async function stateOf(file: string, key: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    throw unreadable(file, key, error);
  }
}

function unreadable(file: string, key: string, cause: unknown): Fault {
  const why = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
  return new Fault(
    'CONFIGURATION_INVALID',
    `${key}: the file ${file} can not be read: ${why}`,
    { key, file },
    { cause },
  );
}
