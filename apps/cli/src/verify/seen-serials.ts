import { access, constants, readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Fault, quote } from '@gantry/oci';
import type { SeenSerial, VerifyResult } from '@gantry/tree';

/** The highest serial that was seen at each place, in a file. */
export interface SeenSerials {
  at(place: string): SeenSerial | undefined;
  /** Keeps what a verification has seen, unless it is below what was seen before, of another tree, or not rightly signed. */
  keep(place: string, result: VerifyResult): Promise<void>;
}

/** @throws Fault REQUEST_INVALID for a file that is none of this kind, or can not be read or kept */
export async function openSeenSerials(file: string): Promise<SeenSerials> {
  await mustBeKeepable(file);
  const places = await readSeen(file);
  return {
    at: (place) => places.get(place),
    async keep(place, { pointer, counts }) {
      const isTrusted = !(counts.unsigned ?? counts['unknown-key'] ?? counts['wrong-signature']);
      if (pointer === undefined || !isTrusted) return;
      const { tree, serial } = pointer.statement;
      // Others may have written meanwhile.
      const current = await readSeen(file);
      const former = current.get(place);
      if (former !== undefined && (former.tree !== tree || former.serial >= serial)) return;
      current.set(place, { tree, serial, digest: pointer.digest });
      const text = JSON.stringify({ version: 1, places: Object.fromEntries(current) }, null, 2);
      try {
        await writeFile(`${file}.${process.pid}`, `${text}\n`);
        await rename(`${file}.${process.pid}`, file);
      } catch (error) {
        throw unusable(file, error);
      }
    },
  };
}

/** Asked first: a verification may take hours, and what it has seen is kept at its end. */
async function mustBeKeepable(file: string): Promise<void> {
  const folder = path.dirname(file);
  const at = await statOf(folder);
  if (at?.isDirectory() !== true) {
    const why = at === undefined ? 'is not there' : 'is no folder';
    throw refuse(file, `its folder ${quote(folder)} ${why}: make it, or name another`);
  }
  if ((await statOf(file))?.isDirectory() === true)
    throw refuse(file, `${quote(file)} is a folder: name a file`);
  try {
    await access(folder, constants.W_OK);
  } catch (error) {
    throw unusable(file, error);
  }
}

async function statOf(place: string) {
  try {
    return await stat(place);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unusable(place, error);
  }
}

async function readSeen(file: string): Promise<Map<string, SeenSerial>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Map();
    throw unusable(file, error);
  }
  const places = parsePlaces(text);
  if (places.every(([, seen]) => isSeen(seen))) return new Map(places as [string, SeenSerial][]);
  throw refuse(file, `${quote(file)} is not a file of serials that were seen: name another, or remove it`);
}

/** What is no such file gives one place that is none. */
function parsePlaces(text: string): [string, unknown][] {
  try {
    const { version, places } = JSON.parse(text) as { version?: unknown; places?: unknown };
    if (version === 1 && typeof places === 'object' && places !== null) return Object.entries(places);
  } catch {
    // As any other text that is not ours.
  }
  return [['', undefined]];
}

function isSeen(value: unknown): boolean {
  const { tree, serial, digest } = (value ?? {}) as Partial<Record<keyof SeenSerial, unknown>>;
  return typeof tree === 'string' && typeof digest === 'string' && Number.isSafeInteger(serial);
}

function refuse(file: string, why: string): Fault {
  return new Fault('REQUEST_INVALID', `--state: ${why}`, { path: file });
}

function unusable(file: string, error: unknown): Fault {
  const why = error instanceof Error ? error.message : String(error);
  return new Fault('REQUEST_INVALID', `--state: ${why}`, { path: file }, { cause: error });
}
