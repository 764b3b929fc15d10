import type { Companions, Promotion } from '@gantry/catalog';
import { type Digest, Fault } from '@gantry/oci';
import { spareGraphs } from '../collect/store/bring-back.ts';
import { rootsOf } from '../collect/store/roots-of.ts';
import type { Flow } from '../context.ts';
import { refuseItems } from './refuse-items.ts';

/**
 * Takes back what is condemned of the content that a promotion needs. To be called once its record is there: from then on
 * a collection sees it, and keeps what it needs.
 * @returns the promotion; without the items, refused by name, for which a collection was faster. That very object otherwise
 */
export async function keepContent(flow: Flow, promotion: Promotion): Promise<Promotion> {
  const open = promotion.items.filter(({ state, digest }) => state === 'accepted' && digest !== null);
  const faults = await findDeleted(flow, open);
  return faults.size === 0 ? promotion : refuseItems(flow, promotion, (item) => faults.get(item));
}

/** What is to be promoted. */
interface Item extends Companions {
  readonly repository: string;
  readonly reference: string;
  readonly digest: Digest | null;
}

/** Takes back what is condemned of what some items need. @returns those for which it is too late, and why */
export async function findDeleted<T extends Item>(
  { catalog }: Pick<Flow, 'catalog'>,
  items: readonly T[],
): Promise<ReadonlyMap<T, Fault>> {
  const faults = new Map<T, Fault>();
  const hasGarbage = items.length > 0 && (await catalog.garbage.some());
  if (!hasGarbage) return faults;
  const roots = items.flatMap(rootsOf);
  const late = await spareGraphs(catalog, roots);
  // A record is there as long as all that is below it.
  const records = await catalog.manifests.getAll(roots);
  for (const item of items) {
    const own = rootsOf(item);
    const isLate = late.size > 0 && (await spareGraphs(catalog, own)).size > 0;
    if (isLate || own.some((root) => !records.has(root))) faults.set(item, deleted(item));
  }
  return faults;
}

function deleted({ repository, reference, digest }: Item): Fault {
  return new Fault(
    'MANIFEST_BLOB_UNKNOWN',
    `the content of ${repository}:${reference} (${digest ?? ''}) was given up, and is being deleted: sync it again`,
    { repository, reference },
  );
}
