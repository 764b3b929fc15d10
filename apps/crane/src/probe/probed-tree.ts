import type { ManifestKind } from '@gantry/oci';
import {
  type PublicKey,
  readStatement,
  type StatedSerial,
  type TreeSource,
  type TreeView,
} from '@gantry/tree';
import { LRUCache } from 'lru-cache';
import { type Additions, type PoolObject, readAdditions, SAMPLE_SIZE } from '../repositories/additions.ts';
import type { ProbedTree } from './probe-mirror.ts';

/** Where more serials than this are absent one after the other, all before them are taken to be kept no more. */
const LONGEST_GAP = 16;

/** What probes need to know of the crane's own tree, each piece read once for all mirrors. */
export interface ProbedTrees {
  /** As of the serial that `view` shows. @throws Fault TREE_INVALID, UNAVAILABLE */
  at(view: TreeView): Promise<ProbedTree>;
  /** Takes an object of the present serial into the sample. */
  sample(object: PoolObject): void;
}

/** @param trustedKeys keys of which one must have signed a mirror's serial; with none signatures are not looked at */
export function createProbedTrees(source: TreeSource, trustedKeys: readonly PublicKey[] = []): ProbedTrees {
  const statements = new LRUCache<number, StatedSerial>({ max: 100 });
  const reads = new LRUCache<string, Promise<Additions>>({ max: 10 });
  const samples = new Map<string, PoolObject>();
  let exemplars: ReadonlyMap<ManifestKind, PoolObject> = new Map();
  let learnedSerial = 0;

  const statement = async (serial: number): Promise<StatedSerial | undefined> => {
    const known = statements.get(serial) ?? (await readStatement(source, serial));
    if (known !== undefined) statements.set(serial, known);
    return known;
  };

  /** The first statement at `serial` or soon after it: a publication that failed leaves a gap. */
  const statementFrom = async (serial: number, to: number): Promise<StatedSerial | undefined> => {
    for (let number = serial; number <= Math.min(to, serial + LONGEST_GAP); number++) {
      const found = await statement(number);
      if (found !== undefined) return found;
    }
    return undefined;
  };

  const publishedBy = async (ms: number, current: StatedSerial): Promise<StatedSerial | undefined> => {
    if (Date.parse(current.statement.published) <= ms) return current;
    let found: StatedSerial | undefined;
    let [from, to] = [1, current.statement.serial - 1];
    while (from <= to) {
      const middle = Math.floor((from + to) / 2);
      const stated = await statementFrom(middle, to);
      if (stated === undefined && middle + LONGEST_GAP < to) from = middle + LONGEST_GAP + 1;
      else if (stated === undefined || Date.parse(stated.statement.published) > ms) to = middle - 1;
      else [found, from] = [stated, stated.statement.serial + 1];
    }
    return found;
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

  const sample = (object: PoolObject): void => {
    if (samples.size >= SAMPLE_SIZE && !samples.has(object.path)) {
      const leaving = [...samples.keys()][Math.floor(Math.random() * SAMPLE_SIZE)] as string;
      samples.delete(leaving);
    }
    samples.set(object.path, object);
  };

  /** Keeps one manifest of each kind, an old one rather than a new one, and looks for others when one was taken away. */
  const learn = async (current: StatedSerial): Promise<void> => {
    const { serial } = current.statement;
    if (serial === learnedSerial) return;
    const added = await additions(learnedSerial, current);
    const lost = [...exemplars.values()].some(({ path }) => added.removed.has(path));
    exemplars = lost ? (await additions(0, current)).exemplars : new Map([...added.exemplars, ...exemplars]);
    for (const path of added.removed) samples.delete(path);
    for (const object of added.objects) if (object.path.startsWith('pool/blobs/')) sample(object);
    learnedSerial = serial;
  };

  return {
    async at(view) {
      const { statement: stated, digest } = view;
      const current = { statement: stated, digest };
      await learn(current);
      return {
        current,
        statement,
        publishedBy: (ms) => publishedBy(ms, current),
        additions,
        exemplars,
        samples,
        trustedKeys,
      };
    },
    sample,
  };
}
