import type { Publication } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import {
  listPath,
  MAX_STATEMENT_BYTES,
  readList,
  readStatement,
  serialPath,
  type Statement,
  type TreeSource,
  type TreeView,
} from '@gantry/tree';
import { publicationEvents } from '../events/publication-events.ts';
import type { HeldLease } from '../hold-lease.ts';
import { followTree } from '../rebuild/follow-tree.ts';
import { endPromotions } from './end-promotions.ts';
import { NewObjects } from './new-objects.ts';
import { newestClaimed } from './newest-claimed.ts';
import type { PublishContext } from './published-tree.ts';

/** The tree as it is found before a publication. */
export interface RecoveredTree {
  /** Undefined before the first publication. */
  readonly view: TreeView | undefined;
  /** The highest serial that was claimed; 0 for none. */
  readonly highestSerial: number;
}

/**
 * Finishes what a publisher that died has left, and brings the catalog up to what the tree says. A statement that was
 * created is completed as it is: all it names was durable before.
 */
export async function recoverTree(
  context: PublishContext,
  lease: Pick<HeldLease, 'confirm' | 'name' | 'fence'>,
): Promise<RecoveredTree> {
  await context.tree.target.begin(lease.confirm);
  const highestSerial = await restorePointer(context);
  const view = await context.state.read(context.flow.log);
  await mustNotBeBehindCatalog(context, view?.statement, lease);
  if (view !== undefined) await catchUp(context, view, lease);
  return { view, highestSerial };
}

/**
 * Makes the newest claimed statement the tree's current one, if it is not: whoever claimed it has died, or the pointer was
 * put back from outside. One that does not go on from what the pointer shows has no part in the tree: it is passed over,
 * and stays a gap, as the next publication takes a serial above it.
 * @returns the highest serial that was claimed; 0 for none
 */
async function restorePointer({ tree, flow }: Pick<PublishContext, 'tree' | 'flow'>): Promise<number> {
  const { target, name } = tree;
  const highest = await target.highestSerial();
  const current = await readStatement(target.source);
  const shown = current?.statement.serial ?? 0;
  const { newest, passedOver } = await newestClaimed(target.source, highest, current);
  for (const serial of passedOver)
    flow.log.warn({ tree: name, serial, shown }, 'publication.claim_passed_over');
  if (newest === undefined) return highest;
  const { serial } = newest.statement;
  const left = await target.source.read(serialPath(serial), MAX_STATEMENT_BYTES);
  if (left !== undefined) {
    flow.log.warn({ tree: name, serial }, 'publication.completed_after_crash');
    await target.movePointer(left);
  }
  return highest;
}

/**
 * A tree that lacks what the catalog has seen was restored from an older copy, or is gone: what would be published into
 * it would name objects that are not there, under a serial that readers have left behind.
 * @throws Fault TREE_INVALID
 */
async function mustNotBeBehindCatalog(
  { flow, tree }: PublishContext,
  current: Statement | undefined,
  lease: Pick<HeldLease, 'confirm'>,
): Promise<void> {
  const seen = await flow.catalog.pool.serial(tree.name);
  const serial = current?.serial ?? 0;
  if (serial >= seen) return;
  await lease.confirm(); // a publisher that was stopped since it read the tree knows an older one
  const is = current === undefined ? 'is empty' : `is at serial ${serial}`;
  throw new Fault(
    'TREE_INVALID',
    `the tree ${tree.target.source.name} ${is}, and the catalog has seen serial ${seen} of it: bring the tree back from a mirror or a newer backup; to begin a new tree, begin with an empty catalog too`,
    { serial, seen },
  );
}

/**
 * Replays the lists that the catalog's inventory has not seen, and ends the promotions whose serial is there. A serial
 * that the catalog did not prepare was published after the backup that the catalog was restored from.
 */
async function catchUp(
  { flow, tree }: PublishContext,
  view: TreeView,
  lease: Pick<HeldLease, 'name' | 'fence'>,
): Promise<void> {
  const { pool, publications } = flow.catalog;
  const current = view.statement;
  const serials = await chainAfter(tree.target.source, await pool.serial(tree.name), current);
  for (const serial of serials) {
    const { root } = serial === current.serial ? current : await statementOf(tree.target.source, serial);
    if ((await publications.get(tree.name, serial))?.root === root) continue;
    await followTree(flow, tree, view, lease);
    break;
  }
  for (const serial of serials) {
    const statement = serial === current.serial ? current : await statementOf(tree.target.source, serial);
    const list = await tree.target.source.open(listPath(serial));
    if (list === undefined) {
      throw new Fault('TREE_INVALID', `${tree.target.source.name}: ${listPath(serial)} is missing`, {
        serial,
      });
    }
    const added = new NewObjects(serial);
    const remove: string[] = [];
    for await (const line of readList(list, listPath(serial))) {
      if (line.op === '+') added.add(line);
      else remove.push(line.path);
    }
    const known = await publications.get(tree.name, serial);
    const prepared = known?.root === statement.root ? known : undefined;
    const publication: Publication = {
      tree: tree.name,
      serial,
      state: 'published',
      root: statement.root,
      promotions: prepared?.promotions ?? [],
      added: added.totals(),
      publishedAt: prepared?.publishedAt ?? statement.published,
    };
    await publications.put(publication, publicationEvents(known, publication));
    await pool.apply(tree.name, serial, added, remove);
  }
  const latest = await publications.get(tree.name, current.serial);
  if (latest !== undefined) await endPromotions({ flow, tree }, latest);
}

/**
 * The serials above `known` up to the current one, as each names the one before it. A serial that none of them names was
 * claimed by a publisher that had been followed by another, and has no part in the tree.
 */
async function chainAfter(source: TreeSource, known: number, current: Statement): Promise<number[]> {
  const chain: number[] = [];
  let statement = current;
  while (statement.serial > known) {
    chain.push(statement.serial);
    if (statement.previous === null || statement.previous.serial <= known) break;
    statement = await statementOf(source, statement.previous.serial);
  }
  return chain.toReversed();
}

async function statementOf(source: TreeSource, serial: number): Promise<Statement> {
  const stated = await readStatement(source, serial);
  if (stated !== undefined) return stated.statement;
  throw new Fault('TREE_INVALID', `${source.name}: ${serialPath(serial)} is missing`, { serial });
}
