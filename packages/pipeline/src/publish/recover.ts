import type { PoolObject, Publication } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import {
  decodeStatement,
  listPath,
  MAX_STATEMENT_BYTES,
  readList,
  serialPath,
  type Statement,
  type TreeView,
} from '@gantry/tree';
import { publicationEvents } from '../events/publication-events.ts';
import { endPromotions } from './end-promotions.ts';
import type { PublishContext } from './published-tree.ts';

/**
 * Finishes what a publisher that died has left, and brings the catalog up to what the tree says. A statement that was
 * created is completed as it is: all it names was durable before.
 * @returns the tree as it stands then; undefined before its first publication
 */
export async function recoverTree(context: PublishContext): Promise<TreeView | undefined> {
  const { tree, flow } = context;
  if (context.state.isFresh) await tree.target.removeLeftovers();
  let view = await context.state.read();
  const claimed = await tree.target.highestSerial();
  if (claimed > (view?.statement.serial ?? 0)) {
    const left = await tree.target.source.read(serialPath(claimed), MAX_STATEMENT_BYTES);
    if (left !== undefined) {
      flow.log.warn({ tree: tree.name, serial: claimed }, 'publication.completed_after_crash');
      await tree.target.movePointer(left);
      view = await context.state.read();
    }
  }
  if (view !== undefined) await catchUp(context, view.statement);
  return view;
}

/** Replays the lists that the catalog's inventory has not seen, and ends the promotions whose serial is there. */
async function catchUp({ flow, tree }: PublishContext, current: Statement): Promise<void> {
  const { pool, publications } = flow.catalog;
  for (let serial = (await pool.serial(tree.name)) + 1; serial <= current.serial; serial++) {
    const bytes = await tree.target.source.read(serialPath(serial), MAX_STATEMENT_BYTES);
    if (bytes === undefined) continue; // a serial that was skipped
    const statement = decodeStatement(bytes, serialPath(serial));
    const list = await tree.target.source.open(listPath(serial));
    if (list === undefined) {
      throw new Fault('TREE_INVALID', `${tree.target.source.name}: ${listPath(serial)} is missing`, {
        serial,
      });
    }
    const add: PoolObject[] = [];
    const remove: string[] = [];
    for await (const line of readList(list, listPath(serial))) {
      if (line.op === '+') add.push({ path: line.path, size: line.size, sha256: line.sha256, since: serial });
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
      added: { objects: add.length, bytes: add.reduce((sum, { size }) => sum + size, 0) },
      publishedAt: prepared?.publishedAt ?? statement.published,
    };
    await publications.put(publication, publicationEvents(known, publication));
    await pool.apply(tree.name, serial, add, remove);
  }
  const latest = await publications.get(tree.name, current.serial);
  if (latest !== undefined) await endPromotions({ flow, tree }, latest);
}
