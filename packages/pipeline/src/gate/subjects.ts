import type { Promotion, PromotionItem } from '@gantry/catalog';
import type { Channel } from '../context.ts';
import type { GateSubject } from './gate.ts';

/**
 * Each image of some items once, with all the tags that it is to get. Items without a digest are left out.
 * @param request the promotion they are of; absent: there is none yet
 */
export function gateSubjects(
  items: readonly Pick<
    PromotionItem,
    'repository' | 'reference' | 'digest' | 'tags' | 'referrers' | 'companions'
  >[],
  channel: Pick<Channel, 'name' | 'from'>,
  request: Partial<Pick<Promotion, 'requestedBy' | 'approvals' | 'gates'>> = {},
): readonly GateSubject[] {
  const subjects = new Map<string, GateSubject>();
  for (const { repository, reference, digest, tags, referrers, companions } of items) {
    if (digest === null) continue;
    const key = `${repository}@${digest}`;
    const former = subjects.get(key);
    subjects.set(key, {
      channel: channel.name,
      ...(channel.from === undefined ? {} : { from: channel.from }),
      repository,
      reference: former?.reference ?? reference,
      digest,
      tags: [...new Set([...(former?.tags ?? []), ...tags])],
      referrers,
      companions,
      ...(request.requestedBy === undefined ? {} : { requestedBy: request.requestedBy }),
      approvals: request.approvals ?? [],
      verdicts: (request.gates ?? []).filter((one) => one.repository === repository && one.digest === digest),
    });
  }
  return [...subjects.values()];
}
