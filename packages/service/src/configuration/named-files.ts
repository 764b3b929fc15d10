import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';
import type { KeyPath, Problem } from './problems.ts';
import { isRecord } from './schema-shape.ts';

/** Keys of files that Gantry itself makes where they are not there. */
const MADE: ReadonlySet<string> = new Set(['adminTokenFile', 'serialFile']);

/**
 * The files that a configuration names for Gantry to read (secrets, certificates, keys) and that this user can't read
 * now. They may be there by the time a service wants them, or on the machine that it runs on.
 * @param value the configuration, which the schema has taken
 * @param folder relative paths count from here
 */
export async function unreadableFiles(value: unknown, folder: string): Promise<Problem[]> {
  const found = await Promise.all(
    namedFiles(value, []).map(async ({ path: at, file }) => {
      const place = path.resolve(folder, file);
      const why = await whyUnreadable(place);
      return why === undefined ? [] : [{ path: at, message: `the file ${place} ${why}` }];
    }),
  );
  return found.flat();
}

function namedFiles(value: unknown, at: KeyPath): { path: KeyPath; file: string }[] {
  if (Array.isArray(value)) return value.flatMap((inner, index) => namedFiles(inner, [...at, index]));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === 'trustedKeys') return trustedKeyFiles(inner, [...at, key]);
    if (Array.isArray(inner) && /Files?$/.test(key))
      return inner.map((file: unknown, index) => ({ path: [...at, key, index], file: String(file) }));
    const isFile = typeof inner === 'string' && key.endsWith('File') && !MADE.has(key);
    return isFile ? [{ path: [...at, key], file: inner }] : namedFiles(inner, [...at, key]);
  });
}

/** Keys that stand there as they are need no file. */
function trustedKeyFiles(keys: unknown, at: KeyPath): { path: KeyPath; file: string }[] {
  if (!Array.isArray(keys)) return [];
  return keys.flatMap((key: unknown, index) =>
    typeof key === 'string' && !key.includes('-----BEGIN ') ? [{ path: [...at, index], file: key }] : [],
  );
}

async function whyUnreadable(file: string): Promise<string | undefined> {
  try {
    if ((await stat(file)).isDirectory()) return 'is a folder';
    await access(file, constants.R_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? 'is not there' : `can not be read: ${code ?? 'unknown error'}`;
  }
}
