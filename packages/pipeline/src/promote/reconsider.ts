import type { Promotion } from '@gantry/catalog';
import type { Messages } from '@gantry/messages';
import type { Digest } from '@gantry/oci';
import type { Flow } from '../context.ts';
import { allPages } from '../take-back/all-pages.ts';
import { sendWork } from '../work/queues.ts';
import { rootsOf } from './plan-totals.ts';

/** What new evidence is of: a promotion that somebody approved, or a digest that there is a result, report or waiver of. */
export type EvidenceOf = { readonly promotion: string } | { readonly digest: Digest };

/**
 * Has the gates asked again of the promotions that wait and that new evidence is of. To be called once the evidence is
 * durable: whatever begins to ask its gates after that sees it by itself.
 */
export async function reconsider(
  { catalog }: Pick<Flow, 'catalog'>,
  messages: Messages,
  about: EvidenceOf,
): Promise<void> {
  const { items } = await catalog.promotions.list({ state: 'gating', limit: 1 });
  if (items.length === 0) return;
  await sendWork(
    messages,
    'promotion' in about
      ? { type: 'work.promotion', promotion: about.promotion }
      : { type: 'work.evidence', digest: about.digest },
  );
}

/**
 * Promotions whose gates wait, and that some evidence may be of: it is of what they promote, of a part of that, or of what
 * belongs to it.
 */
export async function waitingFor(
  { catalog }: Pick<Flow, 'catalog'>,
  digests: Iterable<Digest>,
): Promise<Promotion[]> {
  const concerned = new Set(digests);
  const waiting = await catalog.promotions.inStates(['gating']);
  if (waiting.length === 0) return [];
  // A set that grows while it is gone through: the indexes of an index, too.
  for (const digest of concerned) {
    for await (const { digest: parent, as } of allPages((page) => catalog.manifests.naming(digest, page)))
      if (as === 'manifest') concerned.add(parent);
  }
  return waiting.filter(({ items }) =>
    items.some((item) => item.state === 'accepted' && rootsOf(item).some((digest) => concerned.has(digest))),
  );
}
