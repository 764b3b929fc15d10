import { realpath } from 'node:fs/promises';
import { Fault } from '@gantry/oci';
import type { PublishedTree } from '@gantry/pipeline';
import type { Configuration } from '@gantry/service';
import { readStatement } from '@gantry/tree';
import { treeKey, treeSettings } from './tree-settings.ts';

/**
 * What the configuration's words do not show: trees that are one by a symbolic link, a second name of a bucket, or as one is a
 * copy of the other. Each would publish what is the other's.
 * @param trees opened, so that their folders are there
 * @throws Fault CONFIGURATION_INVALID, naming both
 */
export async function mustBeDistinct(
  configuration: Pick<Configuration, 'tree' | 'trees'>,
  trees: readonly PublishedTree[],
): Promise<void> {
  if (trees.length < 2) return;
  const known = new Map<string, string>();
  for (const { name, target } of trees) {
    const settings = treeSettings(configuration, name);
    const place = 'filesystem' in settings ? await realpath(settings.filesystem.root) : undefined;
    const id = (await readStatement(target.source))?.statement.tree;
    for (const mark of [place, id]) {
      if (mark === undefined) continue;
      const other = known.get(mark);
      if (other === undefined) known.set(mark, name);
      else if (other !== name) throw areOne(treeKey(name), treeKey(other), target.source.name);
    }
  }
}

function areOne(one: string, other: string, place: string): Fault {
  return new Fault(
    'CONFIGURATION_INVALID',
    `${one}: what lies at ${place} is ${other} too, or a copy of it: each needs a place of its own, and begins with an empty one`,
    { key: one },
  );
}
