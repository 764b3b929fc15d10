import { readFile } from 'node:fs/promises';
import { Fault, isDigest } from '@gantry/oci';
import { z } from 'zod';
import { codeOf } from '../publish/filesystem-target/files.ts';
import type { LayoutFolder } from './layout-folder.ts';

/** Beside the layout's own folders; no repository's name begins with a `.`. */
export const STATE_FILE = '.gantry.json';

const State = z.object({ serial: z.int().positive(), root: z.string().refine(isDigest) });
const StateFile = z.object({
  format: z.literal(1),
  /** The tree's id. */
  tree: z.string(),
  layout: z.string(),
  url: z.string().optional(),
  /** Absent: what lies there is to be looked at, file by file. */
  applied: State.optional(),
  begun: z.array(State),
});

/** A state of the tree. */
export type TreeState = z.output<typeof State>;
/**
 * What a layout's folder holds: the state that was last applied to the whole of it, and those that were begun since and
 * cut off. Each repository is as one of these has it.
 */
export type LayoutState = Omit<z.output<typeof StateFile>, 'format'>;

/** @returns undefined when there is none yet @throws Fault CONFIGURATION_INVALID for a file that is none */
export async function readLayoutState(folder: LayoutFolder): Promise<LayoutState | undefined> {
  const file = folder.at(STATE_FILE);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const found = StateFile.safeParse(jsonOf(text));
  if (!found.success) {
    throw new Fault(
      'CONFIGURATION_INVALID',
      `${file} is not what a layout has there: remove the folder, it is made anew`,
      { path: file },
    );
  }
  const { format: _, ...state } = found.data;
  return state;
}

export async function writeLayoutState(folder: LayoutFolder, state: LayoutState): Promise<void> {
  await folder.put(STATE_FILE, { bytes: Buffer.from(`${JSON.stringify({ format: 1, ...state })}\n`) });
  await folder.settle();
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
