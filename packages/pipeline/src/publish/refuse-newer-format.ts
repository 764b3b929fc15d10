import { Fault } from '@gantry/oci';
import {
  decodeStatement,
  MAX_STATEMENT_BYTES,
  POINTER_PATH,
  TREE_FORMAT,
  type TreeSource,
} from '@gantry/tree';

/**
 * Leaves a tree alone that a newer Gantry has written, before anything is written into it. A pointer that is damaged is
 * told by who goes by it.
 * @param key of the configuration that names the place
 * @throws Fault CONFIGURATION_INVALID, naming the format; UNAVAILABLE
 */
export async function refuseNewerFormat(source: TreeSource, key: string): Promise<void> {
  const bytes = await source.read(POINTER_PATH, MAX_STATEMENT_BYTES);
  if (bytes === undefined) return;
  try {
    decodeStatement(bytes);
  } catch (error) {
    const format = error instanceof Fault ? error.details['format'] : undefined;
    if (format === undefined) return;
    throw new Fault(
      'CONFIGURATION_INVALID',
      `${key}: the tree ${source.name} is of format ${String(format)}, and this version of Gantry writes format ${TREE_FORMAT}: a newer one is needed, or another place for the tree`,
      { key, format },
      { cause: error },
    );
  }
}
