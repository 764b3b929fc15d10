import type { PoolObject } from '@gantry/catalog';
import { Rest } from '../rest.ts';
import { BIT_PATHS } from './bits.ts';
import { type Collection, condemnedBefore, countOf, NOTHING, sum } from './collection.ts';
import type { ObjectCount } from './tree-collection.ts';

/** So many objects are looked at in less than a millisecond. */
const LOOKED_AT_ONCE = 250;

/** What was found in the pool. */
export interface Condemned {
  readonly objects: number;
  /** Found unreached now. */
  readonly condemned: ObjectCount;
  /** Reached again. */
  readonly spared: ObjectCount;
  /** Condemned before, and to stay for some time still. */
  readonly waiting: ObjectCount;
  /** Since when the first of those has been condemned. */
  readonly waitingSince: string | undefined;
  /** Condemned for so long that it may go. */
  readonly due: ObjectCount;
}

/** Looks at every object of the pool: notes those that nothing retained reaches, and takes that back of those that it does. */
export async function condemnUnreached(collection: Collection): Promise<Condemned> {
  const { flow, tree, mark, signal, progress } = collection;
  const before = condemnedBefore(collection);
  const batch: PoolObject[] = [];
  const rest = new Rest();
  let objects = 0;
  let [condemned, spared, waiting, due] = [NOTHING, NOTHING, NOTHING, NOTHING];
  let waitingSince: string | undefined;
  const flush = async () => {
    if (batch.length === 0) return;
    const done = await settle(collection, batch.splice(0));
    condemned = sum(condemned, countOf(done.condemned));
    spared = sum(spared, countOf(done.spared));
  };
  for await (const object of flow.catalog.pool.list(tree.name)) {
    signal?.throwIfAborted();
    progress('condemning', ++objects);
    if (objects % LOOKED_AT_ONCE === 0) await rest.between();
    const since = object.condemned;
    if (mark.reaches(object.path) === (since !== undefined)) batch.push(object);
    else if (since !== undefined && since <= before) due = sum(due, countOf([object]));
    else if (since !== undefined) {
      waiting = sum(waiting, countOf([object]));
      if (waitingSince === undefined || since < waitingSince) waitingSince = since;
    }
    if (batch.length >= BIT_PATHS) await flush();
  }
  await flush();
  return { objects, condemned, spared, waiting, waitingSince, due };
}

interface Settled {
  readonly condemned: readonly PoolObject[];
  readonly spared: readonly PoolObject[];
}

/** Condemns and spares, by what is reached and in the pool at that moment. */
async function settle(
  { flow, tree, mark, bits }: Collection,
  batch: readonly PoolObject[],
): Promise<Settled> {
  const decide = (objects: readonly PoolObject[]): Settled => ({
    condemned: objects.filter((object) => object.condemned === undefined && !mark.reaches(object.path)),
    spared: objects.filter((object) => object.condemned !== undefined && mark.reaches(object.path)),
  });
  if (bits === undefined) return decide(batch);
  return bits.run(async (lease) => {
    const { pool } = flow.catalog;
    const now = await pool.getAll(
      tree.name,
      batch.map(({ path }) => path),
    );
    const settled = decide([...now.values()]);
    await lease.confirm();
    await pool.condemn(
      tree.name,
      settled.condemned.map(({ path }) => path),
      flow.now().toISOString(),
    );
    await pool.spare(
      tree.name,
      settled.spared.map(({ path }) => path),
    );
    return settled;
  });
}
