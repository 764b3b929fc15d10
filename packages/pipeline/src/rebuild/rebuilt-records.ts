import { randomUUID } from 'node:crypto';
import type { Promotion, Publication } from '@gantry/catalog';
import type { Statement } from '@gantry/tree';

/** What stands in the history for all promotions that were lost, and in each tag for the one that set it. */
export function rebuildMark(at: Date, sequence: number, serial: number | null): Promotion {
  const time = at.toISOString();
  return {
    id: randomUUID(),
    sequence,
    revision: 1,
    kind: 'promote',
    to: '*',
    state: 'done',
    atomic: false,
    items: [],
    reason:
      serial === null
        ? 'the catalog was remade, with nothing in the tree'
        : `the catalog was remade from serial ${serial} of the tree`,
    requestedBy: 'gantry catalog rebuild',
    ...(serial === null ? {} : { serial }),
    timeline: [{ at: time, state: 'done' }],
    createdAt: time,
    startedAt: time,
    endedAt: time,
  };
}

/** A publication as its statement tells it. Which promotions it was of stood in the catalog alone. */
export function rebuiltPublication(
  tree: string,
  { serial, root, published }: Statement,
  added: ReadonlyMap<number, { readonly objects: number; readonly bytes: number }>,
): Publication {
  return {
    tree,
    serial,
    state: 'published',
    root,
    promotions: [],
    added: added.get(serial) ?? { objects: 0, bytes: 0 },
    publishedAt: iso(published),
  };
}

/** A time of the tree, as the catalog writes times. */
export function iso(time: string): string {
  return new Date(time).toISOString();
}
