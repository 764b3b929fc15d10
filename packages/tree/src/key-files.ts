import { generateKeyPairSync } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { Fault } from '@gantry/oci';
import { readPublicKey, readSigningKey, type PublicKey, type SigningKey } from './keys.ts';

/** More than any key has. */
const MAX_BYTES = 64 * 1024;

/**
 * A private key's file.
 * @param where where it is named, for messages: `tree.signing.keyFile`; absent: its path tells enough
 * @throws Fault CONFIGURATION_INVALID when it can't be read, holds something else, or others may read it
 */
export async function readSigningKeyFile(file: string, where?: string): Promise<SigningKey> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    const { mode, uid, size } = await handle.stat();
    if (size > MAX_BYTES) throw unusable(where, file, `is larger than ${MAX_BYTES} bytes`);
    if (isOpenToOthers(mode, uid)) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0');
      throw unusable(where, file, `is readable by others than its owner (mode ${octal}): chmod 600 ${file}`);
    }
    return readSigningKey(await handle.readFile('utf8'), placeOf(file, where));
  } catch (error) {
    throw error instanceof Fault ? error : unreadable(where, file, error);
  } finally {
    await handle?.close();
  }
}

/**
 * A public key's file.
 * @param where as above
 * @throws Fault CONFIGURATION_INVALID when it can't be read, or holds something else
 */
export async function readPublicKeyFile(file: string, where?: string): Promise<PublicKey> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(where, file, error);
  }
  return readPublicKey(text, placeOf(file, where));
}

/**
 * Makes a new key, in a new file that its owner alone may read.
 * @throws Fault CONFLICT when something is there already: a key is never overwritten; REQUEST_INVALID for a place that
 * can't be written to
 */
export async function makeSigningKeyFile(file: string): Promise<SigningKey> {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'wx', 0o600);
    await handle.writeFile(pem);
    await handle.sync();
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new Fault(
        'CONFLICT',
        `${file} is there already, and a key is never overwritten: name another file`,
        {
          file,
        },
      );
    throw new Fault(
      'REQUEST_INVALID',
      `the key can not be written to ${file}: ${code}`,
      { file },
      { cause: error },
    );
  } finally {
    await handle?.close();
  }
  return readSigningKey(pem, file);
}

/** A group may read the key that somebody else, root for one, has put there for it: so do orchestrators with secrets. */
function isOpenToOthers(mode: number, uid: number): boolean {
  const own = process.geteuid?.();
  if (own === undefined) return false; // Windows has no such modes
  return (mode & (uid === own ? 0o077 : 0o027)) !== 0;
}

function placeOf(file: string, where: string | undefined): string {
  return where === undefined ? file : `${where} ${file}`;
}

function unreadable(where: string | undefined, file: string, error: unknown): Fault {
  return unusable(
    where,
    file,
    `can not be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`,
  );
}

function unusable(where: string | undefined, file: string, why: string): Fault {
  const named = where === undefined ? '' : `${where}: `;
  return new Fault('CONFIGURATION_INVALID', `${named}the file ${file} ${why}`, { file });
}
