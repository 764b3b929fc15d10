import type { ChannelTag, Requirement, Verdict } from '@gantry/catalog';
import type { AgeRule } from './configuration.ts';
import type { Gate } from './gate.ts';
import { spell } from './spell.ts';

/** Asks how long an image has been in the channel before. */
export function openAgeGate(rule: AgeRule): Gate['evaluate'] {
  return async ({ from, repository, digest, verdicts = [] }, { flow }) => {
    const channel = rule.channel ?? from;
    if (channel === undefined) return [nowhere()];
    const tags = await flow.catalog.channels.tagsOf(channel, repository);
    const holding = tags.filter((tag) => tag.digest === digest);
    const former = holding.length === 0 ? reachedBefore(rule.atLeastMs, channel, verdicts) : undefined;
    return [former ?? judgeAge(rule.atLeastMs, holding, channel, flow.now())];
  };
}

/**
 * That an image was old enough when the same promotion was looked at before. Its tag may move on while the promotion waits
 * for other gates: what was gated is what is promoted.
 */
function reachedBefore(
  atLeastMs: number,
  channel: string,
  verdicts: readonly Verdict[],
): Requirement | undefined {
  for (const { kind, requirements, at } of verdicts) {
    if (kind !== 'age') continue;
    const reached = requirements.find(({ evidence }) => {
      const { channel: where, since } = evidence ?? {};
      return where === channel && Date.parse(at) - Date.parse(String(since)) >= atLeastMs;
    });
    if (reached?.satisfied === true) return reached;
  }
  return undefined;
}

/** @param holding the channel's tags that mean the image now */
export function judgeAge(
  atLeastMs: number,
  holding: readonly ChannelTag[],
  channel: string,
  now: Date,
): Requirement {
  const [oldest] = holding.toSorted((a, b) => (sinceOf(a) < sinceOf(b) ? -1 : 1));
  const wanted = spell(atLeastMs);
  if (oldest === undefined) {
    return {
      name: 'age',
      satisfied: false,
      type: 'age-unknown',
      detail: `it is not in the channel ${channel}: promote it there, and leave it for ${wanted}`,
      evidence: { channel },
    };
  }
  const since = sinceOf(oldest);
  const notBefore = new Date(Date.parse(since) + atLeastMs);
  const satisfied = now >= notBefore;
  return {
    name: 'age',
    satisfied,
    type: satisfied ? 'age-reached' : 'age-too-young',
    detail: satisfied
      ? `in the channel ${channel} since ${since}`
      : `in the channel ${channel} since ${since}, and ${wanted} are asked for: not before ${notBefore.toISOString()}`,
    ...(satisfied ? {} : { pending: true }),
    evidence: { channel, tag: oldest.tag, since, notBefore: notBefore.toISOString() },
  };
}

function sinceOf({ since, promotedAt }: ChannelTag): string {
  return since ?? promotedAt;
}

function nowhere(): Requirement {
  return {
    name: 'age',
    satisfied: false,
    type: 'age-unknown',
    detail: 'the channel takes from no other, so there is none to be old in: name one in age.channel',
  };
}
