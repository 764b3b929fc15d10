import { type Digest, Fault } from '@gantry/oci';
import type { Channel, TagRules } from '../context.ts';
import type { Matcher } from '@gantry/oci/glob';
import { patternMatcher } from '../sync/pattern.ts';
import type { Requester } from './request.ts';

/** The rules of a channel, their patterns compiled. */
interface CompiledRules {
  readonly names: readonly Matcher[] | undefined;
  readonly isImmutable: Matcher;
  readonly movers: readonly (Pick<TagRules['movers'][number], 'by' | 'groups'> & {
    readonly takes: Matcher;
  })[];
}

const compiled = new WeakMap<TagRules, CompiledRules>();

/** A tag that is to be set. */
export interface WantedTag {
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
  /** What it means now; absent: it is not there. */
  readonly from?: Digest | undefined;
}

/** Why the channel's rules do not let the requester set a tag; undefined: they do. @returns Fault TAG_REFUSED */
export function refuseTag(
  channel: Channel,
  wanted: WantedTag,
  { name, groups = [] }: Requester,
): Fault | undefined {
  if (channel.tags === undefined) return undefined;
  const { names, movers } = compile(channel.tags);
  const { tag } = wanted;
  if (names !== undefined && !names.some((matches) => matches(tag))) {
    return refusal(
      channel,
      wanted,
      `is none of the names that the channel ${channel.name} takes: ${channel.tags.names?.join(', ')}`,
    );
  }
  const mayNot = movers.find(
    (rule) =>
      rule.takes(tag) && !rule.by.includes(name) && !groups.some((group) => rule.groups.includes(group)),
  );
  if (mayNot !== undefined) {
    const who = [...mayNot.by, ...mayNot.groups.map((group) => `the group ${group}`)];
    return refusal(
      channel,
      wanted,
      `is set in the channel ${channel.name} by ${who.join(', ') || 'nobody'}, and not by ${name}`,
    );
  }
  return refuseMove(channel, wanted);
}

/** Why a tag that is never to get another digest is not set; undefined: it may be. @returns Fault TAG_REFUSED */
export function refuseMove(channel: Channel, wanted: WantedTag): Fault | undefined {
  const { tag, digest, from } = wanted;
  if (from === undefined || from === digest || channel.tags === undefined) return undefined;
  if (!compile(channel.tags).isImmutable(tag)) return undefined;
  return refusal(
    channel,
    wanted,
    `is immutable in the channel ${channel.name}, and means ${from}: promote ${digest} under another tag`,
  );
}

/** Whether what tags mean now matters to any rule. */
export function hasImmutableTags({ tags }: Channel): boolean {
  return tags !== undefined && tags.immutable.length > 0;
}

function compile(rules: TagRules): CompiledRules {
  return compiled.getOrInsertComputed(rules, () => ({
    names: rules.names?.map(patternMatcher),
    isImmutable: anyMatcher(rules.immutable),
    movers: rules.movers.map(({ tags, by, groups }) => ({ takes: anyMatcher(tags), by, groups })),
  }));
}

function anyMatcher(patterns: readonly string[]): Matcher {
  const matchers = patterns.map(patternMatcher);
  return (name) => matchers.some((matches) => matches(name));
}

function refusal(channel: Channel, { repository, tag }: WantedTag, why: string): Fault {
  return new Fault('TAG_REFUSED', `${repository}:${tag} ${why}`, {
    channel: channel.name,
    repository,
    tag,
  });
}
