import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, open, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '@gantry/oci';
import { fileSecret } from '../configuration/secret.ts';

/** The administrator's token, and whether it was made just now. */
export interface AdminToken {
  readonly token: string;
  readonly file: string;
  readonly created: boolean;
}

const TOKEN_BYTES = 32;

/**
 * Reads the administrator's token, or makes one at the first start: 32 random bytes in base64url, for its owner alone
 * (mode 0600). Of several processes that start at once, one makes it.
 * @throws Fault CONFIGURATION_INVALID when the file can not be read, written, or holds nothing
 */
export async function ensureAdminToken(file: string): Promise<AdminToken> {
  const created = await createToken(file);
  if (!created) await keepToOwner(file);
  return { token: await fileSecret('the admin token', file).read(), file, created };
}

async function createToken(file: string): Promise<boolean> {
  const folder = path.dirname(file);
  const temporary = path.join(folder, `.admin-token-${process.pid}-${randomBytes(6).toString('hex')}`);
  try {
    if (await exists(file)) return false;
    await mkdir(folder, { recursive: true });
    await writeDurably(temporary, `${randomBytes(TOKEN_BYTES).toString('base64url')}\n`);
    try {
      await link(temporary, file); // the whole token appears at once, and only where there is none
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return false;
    } finally {
      await unlink(temporary);
    }
    await syncFolder(folder);
    return true;
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new Fault(
      'CONFIGURATION_INVALID',
      `the admin token can not be kept in ${file}: ${why}`,
      { file },
      { cause },
    );
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  await using handle = await open(file, 'wx', 0o600);
  await handle.writeFile(text);
  await handle.sync();
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder);
  await handle.sync();
}

async function keepToOwner(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o077) === 0) return;
  await chmod(file, 0o600).catch(() => undefined); // somebody else's file: reading it will say what is wrong
}
