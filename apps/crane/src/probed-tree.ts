import type { ManifestKind } from '@gantry/oci';
import {
  type PublicKey,
  readStatement,
  type StatedSerial,
  type TreeSource,
  type TreeView,
} from '@gantry/tree';
import { LRUCache } from 'lru-cache';
import { type Additions, type PoolObject, readAdditions } from './additions.ts';
import type { ProbedTree } from './probe-mirror.ts';

/** What probes need to know of the crane's own tree, each piece read once for all mirrors. */
export interface ProbedTrees {
  /** As of the serial that `view` shows. @throws Fault TREE_INVALID, UNAVAILABLE */
  at(view: TreeView): Promise<ProbedTree>;
}

/** @param trustedKeys keys of which one must have signed a mirror's serial; with none signatures are not looked at */
export function createProbedTrees(source: TreeSource, trustedKeys: readonly PublicKey[] = []): ProbedTrees {
  const statements = new LRUCache<number, StatedSerial>({ max: 100 });
  const reads = new LRUCache<string, Promise<Additions>>({ max: 10 });
  let exemplars: ReadonlyMap<ManifestKind, PoolObject> = new Map();
  let learnedSerial = 0;

  const statement = async (serial: number): Promise<StatedSerial | undefined> => {
    const known = statements.get(serial) ?? (await readStatement(source, serial));
    if (known !== undefined) statements.set(serial, known);
    return known;
  };

  const additions = (from: number, to: StatedSerial): Promise<Additions> => {
    const key = `${from} ${to.digest}`;
    const known = reads.get(key);
    if (known !== undefined) return known;
    const read = readAdditions(source, from, to);
    reads.set(key, read);
    read.catch(() => reads.delete(key));
    return read;
  };

  /** Keeps one manifest of each kind, an old one rather than a new one, and looks for others when one was taken away. */
  const learn = async (current: StatedSerial): Promise<void> => {
    const { serial } = current.statement;
    if (serial === learnedSerial) return;
    const added = await additions(learnedSerial, current);
    const lost = [...exemplars.values()].some(({ path }) => added.removed.has(path));
    exemplars = lost ? (await additions(0, current)).exemplars : new Map([...added.exemplars, ...exemplars]);
    learnedSerial = serial;
  };

  return {
    async at(view) {
      const { statement: stated, digest } = view;
      const current = { statement: stated, digest };
      await learn(current);
      return { current, statement, additions, exemplars, trustedKeys };
    },
  };
}
