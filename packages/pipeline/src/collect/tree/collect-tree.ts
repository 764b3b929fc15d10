import { asFault, type Fault } from '@gantry/oci';
import { isLostDocument } from '../../publish/mendable-view.ts';
import type { PublishContext } from '../../publish/published-tree.ts';
import { timeSpan } from '../../time-span.ts';
import { CollectionBits } from './bits.ts';
import { type Collection, NOTHING, sum } from './collection.ts';
import { type Condemned, condemnUnreached } from './condemn.ts';
import { TreeMark } from './mark.ts';
import { removeDue } from './remove.ts';
import { sweepFiles } from './sweep.ts';
import type { CollectTreeOptions, ObjectCount, TreeCollection } from './tree-collection.ts';

/**
 * Frees what no retained snapshot of a tree reaches: condemns it, and removes it once it has been condemned for the tree's
 * grace. Publications go on meanwhile, as all that is written is written in small bits under the publisher's lease. One
 * collection of a tree at a time does: two do no harm, but the same work twice.
 *
 * A document of a retained snapshot that is missing or damaged stops it before anything is condemned: nobody can tell what
 * that snapshot reaches. The report says so.
 * @throws Fault LEASE_LOST; UNAVAILABLE; whatever the place of the tree and the catalog throw; `signal`'s reason
 */
export async function collectTree(
  { flow, tree }: Pick<PublishContext, 'flow' | 'tree'>,
  { dryRun = false, onProgress, signal }: CollectTreeOptions = {},
): Promise<TreeCollection> {
  const now = flow.now();
  const reasons: string[] = [];
  const progress: Collection['progress'] = (step, objects) => onProgress?.({ step, objects });
  let mark: TreeMark;
  try {
    mark = await TreeMark.take(
      { flow, tree },
      { ...(signal && { signal }), onObjects: (objects) => progress('marking', objects) },
    );
  } catch (error) {
    if (!isLostDocument(error)) throw error;
    flow.log.warn({ tree: tree.name, err: asFault(error) }, 'collection.stopped');
    return { ...nothingOf(tree.name), reasons: [stoppedBy(error)] };
  }
  if (mark.retained === null) return { ...nothingOf(tree.name), reasons: ['nothing is published yet'] };

  const collection: Collection = {
    flow,
    tree,
    mark,
    now,
    signal,
    progress,
    because: (reason) => reasons.push(reason),
    ...(!dryRun && { bits: new CollectionBits({ flow, tree }, mark, signal) }),
  };
  for (const serial of mark.givenUp) {
    reasons.push(
      `serial ${serial} and maybe older ones would be retained by the rules of now, but were collected in part by those of before`,
    );
  }
  const found = await condemnUnreached(collection);
  const { removed, untagged } = await removeDue(collection, found.due);
  const swept = await sweepFiles(collection);
  const report: TreeCollection = {
    tree: tree.name,
    retained: mark.retained,
    marked: mark.size,
    condemned: found.condemned,
    spared: found.spared,
    removed,
    waiting: stillWaiting(collection, found, removed),
    ...swept,
    untagged,
    reasons,
  };
  if (removed.objects === 0) reasons.push(...whyNothing(collection, found, report));
  const { tree: name, condemned, waiting } = report;
  if (!dryRun)
    flow.log.info(
      {
        tree: name,
        marked: report.marked,
        condemned: condemned.objects,
        removed: removed.objects,
        bytes: removed.bytes,
        waiting: waiting.objects,
        orphans: swept.orphans.objects,
      },
      'collection.done',
    );
  return report;
}

function nothingOf(tree: string): TreeCollection {
  return {
    tree,
    retained: null,
    marked: 0,
    condemned: NOTHING,
    spared: NOTHING,
    removed: NOTHING,
    waiting: { ...NOTHING, nextAt: null },
    orphans: NOTHING,
    lists: 0,
    untagged: 0,
    reasons: [],
  };
}

function stoppedBy({ message, details: { document } }: Fault): string {
  return `nothing is freed, as nobody can tell what is still needed: ${message}. Bring ${document} back from a mirror or a backup; what the current serial needs, \`gantry publish\` makes anew`;
}

/** What is condemned and in the pool still, in the end. */
function stillWaiting(
  { tree, now }: Collection,
  { waiting, waitingSince, condemned, due }: Condemned,
  removed: ObjectCount,
): TreeCollection['waiting'] {
  const late = {
    objects: Math.max(0, due.objects - removed.objects),
    bytes: Math.max(0, due.bytes - removed.bytes),
  };
  const after = (since: string) => new Date(Date.parse(since) + tree.retention.graceMs).toISOString();
  let nextAt: string | null = null;
  if (late.objects > 0) nextAt = now.toISOString();
  else if (waitingSince !== undefined) nextAt = after(waitingSince);
  else if (condemned.objects > 0) nextAt = after(now.toISOString());
  return { ...sum(sum(waiting, condemned), late), nextAt };
}

function whyNothing(
  { tree: { retention }, mark }: Collection,
  { objects }: Condemned,
  { waiting, retained }: TreeCollection,
): string[] {
  if (waiting.nextAt !== null) {
    return [
      `${waiting.objects} objects are condemned, and leave the pool when they have been so for the grace of ${timeSpan(retention.graceMs)}: the first of them from ${waiting.nextAt} on`,
    ];
  }
  return [
    `all ${objects} objects of the pool are reached by what is retained, the serials ${retained?.from} to ${retained?.to} (${mark.retained?.count}): the newest ${retention.keepSnapshots}, and those of the last ${timeSpan(retention.keepSnapshotsForMs)}`,
  ];
}
