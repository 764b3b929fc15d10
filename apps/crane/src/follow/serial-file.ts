import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, Fault, isDigest } from '@gantry/oci';
import { z } from 'zod';

const HighestSerial = z.object({
  tree: z.string().min(1),
  serial: z.int().min(1),
  digest: z.string().refine(isDigest, 'not a digest'),
});

/** The highest serial that was ever served, of which tree, and the digest of its statement. */
export interface HighestSerial {
  readonly tree: string;
  readonly serial: number;
  readonly digest: Digest;
}

/**
 * What a former run has left.
 * @returns undefined when there is no such file
 * @throws Fault CONFIGURATION_INVALID for one that can't be read: to begin anew without being told could go back
 */
export async function readSerialFile(file: string): Promise<HighestSerial | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw unusable(file, (cause as Error).message, cause);
  }
  try {
    return HighestSerial.parse(JSON.parse(text));
  } catch (cause) {
    throw unusable(file, 'it is not what a crane writes; remove it to let the crane begin anew', cause);
  }
}

/** Replaces the file in one step, so that a crash leaves the old or the new one whole. */
export async function writeSerialFile(file: string, highest: HighestSerial): Promise<void> {
  const { tree, serial, digest } = highest;
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}`);
  try {
    await mkdir(path.dirname(file), { recursive: true });
    const handle = await open(temporary, 'w', 0o644);
    try {
      await handle.writeFile(`${JSON.stringify({ tree, serial, digest })}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function unusable(file: string, why: string, cause: unknown): Fault {
  return new Fault(
    'CONFIGURATION_INVALID',
    `crane.serialFile ${file} can not be used: ${why}`,
    { file },
    { cause },
  );
}
