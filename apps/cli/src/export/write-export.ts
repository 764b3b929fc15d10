import { randomBytes } from 'node:crypto';
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '@gantry/oci';

/** What an export tells of itself, in `export.json`. */
export interface ExportRecord {
  readonly server: string;
  readonly tree: string;
  readonly serial: number;
}

/** A name that a version of an export has below its folder; nothing else there is ever removed. */
const VERSION = /^serial-[0-9]{12}-[0-9a-f]{16}$/;
const UNFINISHED = /^\.serial-[0-9]{12}-[0-9a-f]{16}\.[0-9a-f]{12}\.part$/;
/** An export that was killed is cleared away by a later one. */
const UNFINISHED_KEPT_MS = 24 * 60 * 60 * 1000;
/** How much of a file is gathered before it is written. */
const CHUNK_CHARACTERS = 256 * 1024;

/**
 * The export that `current` names; undefined when there is none.
 * @throws Fault REQUEST_INVALID when something else lies there
 */
export async function readCurrent(folder: string): Promise<ExportRecord | undefined> {
  const file = path.join(folder, 'current', 'export.json');
  try {
    const text = await readFile(file, 'utf8').catch(absent);
    return text === undefined ? undefined : readRecord(text);
  } catch (error) {
    const why = `${file} is not what an export has written: name another folder, or remove ${folder}`;
    throw new Fault('REQUEST_INVALID', why, {}, { cause: error });
  }
}

function readRecord(text: string): ExportRecord {
  const { server, tree, serial } = JSON.parse(text) as Record<keyof ExportRecord, unknown>;
  if (typeof server !== 'string' || typeof tree !== 'string' || typeof serial !== 'number')
    throw new TypeError('it has not server, tree and serial');
  return { server, tree, serial };
}

/**
 * Writes a version into a folder of its own, and then lets `current` name it, by one rename. The version that was current
 * stays, as a server reads it until it is told to reload.
 * @param parts not read when the version is there
 * @returns whether anything was written
 * @throws Fault REQUEST_INVALID when the folder can't be written
 */
export async function writeExport(
  folder: string,
  version: string,
  parts: AsyncIterable<{ readonly file: string; readonly text: string }>,
): Promise<boolean> {
  const link = path.join(folder, 'current');
  const former = await readlink(link).catch(absent);
  const isThere = (await stat(path.join(folder, version)).catch(absent)) !== undefined;
  if (isThere && former === version) return false;
  try {
    if (!isThere) await writeVersion(folder, version, parts);
    const next = `${link}.${randomBytes(6).toString('hex')}`;
    await symlink(version, next);
    await rename(next, link);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!UNWRITABLE.has(code)) throw error;
    throw new Fault('REQUEST_INVALID', `${folder} can not be written: ${message}`, {}, { cause: error });
  }
  await removeOld(folder, new Set([version, former]));
  return true;
}

const UNWRITABLE: ReadonlySet<string | undefined> = new Set([
  'EACCES',
  'ENOTDIR',
  'EROFS',
  'EPERM',
  'EISDIR',
  'EEXIST',
]);

async function writeVersion(
  folder: string,
  version: string,
  parts: AsyncIterable<{ readonly file: string; readonly text: string }>,
): Promise<void> {
  const unfinished = path.join(folder, `.${version}.${randomBytes(6).toString('hex')}.part`);
  await mkdir(unfinished, { recursive: true, mode: 0o755 });
  try {
    await writeParts(unfinished, parts);
    await rename(unfinished, path.join(folder, version));
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

/** Files of the top folder grow part by part; one below it is whole in one part, as there are many of them. */
async function writeParts(
  folder: string,
  parts: AsyncIterable<{ readonly file: string; readonly text: string }>,
): Promise<void> {
  const growing = new Map<string, { readonly handle: FileHandle; text: string }>();
  try {
    for await (const { file, text } of parts) {
      const place = path.join(folder, file);
      if (file.includes('/')) {
        await mkdir(path.dirname(place), { recursive: true, mode: 0o755 });
        await using handle = await open(place, 'wx', 0o644);
        await handle.writeFile(text);
        continue;
      }
      const one = growing.get(file) ?? { handle: await open(place, 'wx', 0o644), text: '' };
      growing.set(file, one);
      one.text += text;
      if (one.text.length < CHUNK_CHARACTERS) continue;
      await one.handle.writeFile(one.text);
      one.text = '';
    }
    for (const { handle, text } of growing.values()) {
      await handle.writeFile(text);
      await handle.sync();
    }
  } finally {
    for (const { handle } of growing.values()) await handle.close();
  }
}

async function removeOld(folder: string, kept: ReadonlySet<string | undefined>): Promise<void> {
  for (const name of await readdir(folder)) {
    const isOld = VERSION.test(name) && !kept.has(name);
    const place = path.join(folder, name);
    if (isOld || (UNFINISHED.test(name) && (await isAbandoned(place))))
      await rm(place, { recursive: true, force: true });
  }
}

async function isAbandoned(place: string): Promise<boolean> {
  const found = await stat(place).catch(absent);
  return found !== undefined && Date.now() - found.mtimeMs > UNFINISHED_KEPT_MS;
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
