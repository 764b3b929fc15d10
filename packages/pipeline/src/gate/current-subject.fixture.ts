import { Fault } from '@gantry/oci';
import type { Flow } from '../context.ts';
import type { GateSubject } from './gate.ts';

/** What a gate is asked of when a candidate's tag is to come into `stable` now. */
export async function currentSubject(
  { catalog }: Flow,
  repository: string,
  tag: string,
): Promise<GateSubject> {
  const candidate = await catalog.candidates.current(repository, tag);
  if (candidate === undefined) throw new Fault('REFERENCE_UNKNOWN', `there is no ${repository}:${tag}`);
  const { digest, companions, referrers } = candidate;
  return {
    channel: 'stable',
    repository,
    reference: tag,
    digest,
    tags: [tag, 'latest'],
    companions,
    referrers,
    requestedBy: 'bot',
    approvals: [],
  };
}
