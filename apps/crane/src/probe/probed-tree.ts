import type { ManifestKind } from '@gantry/oci';
import {
  type PublicKey,
  readStatement,
  type StatedSerial,
  type TreeSource,
  type TreeView,
} from '@gantry/tree';
import { LRUCache } from 'lru-cache';
import type { Mirror } from '../choose/mirror.ts';
import { type Additions, type PoolObject, readAdditions } from '../repositories/additions.ts';
import { type CarriedPart, createCarriedPart } from './carried-part.ts';
import { noteSample } from './note-sample.ts';
import type { ProbedTree } from './probe-mirror.ts';

/** Where more serials than this are absent one after the other, all before them are taken to be kept no more. */
const LONGEST_GAP = 16;

/** What probes need to know of the crane's own tree, each piece read once for all mirrors. */
export interface ProbedTrees {
  /**
   * As of the serial that `view` shows.
   * @param mirror one that carries a part is compared with that part; absent: with all
   * @throws Fault TREE_INVALID, UNAVAILABLE
   */
  at(view: TreeView, mirror?: Mirror): Promise<ProbedTree>;
  /** Takes an object of the present serial, which that mirror carries, into the sample. */
  sample(object: PoolObject, mirror: Mirror): void;
}

/** @param trustedKeys keys of which one must have signed a mirror's serial; with none signatures are not looked at */
export function createProbedTrees(source: TreeSource, trustedKeys: readonly PublicKey[] = []): ProbedTrees {
  const statements = new LRUCache<number, StatedSerial>({ max: 100 });
  const reads = new LRUCache<string, Promise<Additions>>({ max: 10 });
  const samples = new Map<string, PoolObject>();
  const parts = new WeakMap<Mirror, CarriedPart>();
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

  /** Keeps one manifest of each kind, an old one rather than a new one, and looks for others when one was taken away. */
  const learn = async (current: StatedSerial): Promise<void> => {
    const { serial } = current.statement;
    if (serial === learnedSerial) return;
    const added = await additions(learnedSerial, current);
    const lost = [...exemplars.values()].some(({ path }) => added.removed.has(path));
    exemplars = lost ? (await additions(0, current)).exemplars : new Map([...added.exemplars, ...exemplars]);
    for (const path of added.removed) samples.delete(path);
    for (const object of added.objects)
      if (object.path.startsWith('pool/blobs/')) noteSample(samples, object);
    learnedSerial = serial;
  };

  const partOf = async (mirror: Mirror, view: TreeView): Promise<CarriedPart | undefined> => {
    const { carries } = mirror;
    if (carries === undefined) return undefined;
    const part = parts.getOrInsertComputed(mirror, () => createCarriedPart(source, carries));
    await part.learn(view);
    return part;
  };

  return {
    async at(view, mirror) {
      const { statement: stated, digest } = view;
      const current = { statement: stated, digest };
      await learn(current);
      const part = mirror && (await partOf(mirror, view));
      return {
        current,
        statement,
        publishedBy: (ms) => publishedBy(ms, current),
        additions: part === undefined ? additions : (from, to) => part.additions(from, to),
        exemplars: part?.exemplars ?? exemplars,
        samples: part?.samples ?? samples,
        trustedKeys,
      };
    },
    sample(object, mirror) {
      noteSample(samples, object);
      const part = parts.get(mirror);
      if (part !== undefined) noteSample(part.samples, object);
    },
  };
}
