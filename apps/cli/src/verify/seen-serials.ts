import { readFile, rename, writeFile } from 'node:fs/promises';
import { Fault, quote } from '@gantry/oci';
import type { SeenSerial, VerifyResult } from '@gantry/tree';

/** The highest serial that was seen at each place, in a file. */
export interface SeenSerials {
  at(place: string): SeenSerial | undefined;
  /** Keeps what a verification has seen, unless it is below what was seen before, of another tree, or not rightly signed. */
  keep(place: string, result: VerifyResult): Promise<void>;
}

/** @throws Fault REQUEST_INVALID for a file that is none of this kind, or can not be read */
export async function openSeenSerials(file: string): Promise<SeenSerials> {
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
  const message = `--state: ${quote(file)} is not a file of serials that were seen: name another, or remove it`;
  throw new Fault('REQUEST_INVALID', message, { path: file });
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

function unusable(file: string, error: unknown): Fault {
  const why = error instanceof Error ? error.message : String(error);
  return new Fault('REQUEST_INVALID', `--state: ${why}`, { path: file }, { cause: error });
}
