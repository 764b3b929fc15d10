import type { ChannelTag } from '@gantry/catalog';
import type { Channel } from '@gantry/pipeline';
import { z } from 'zod';
import { named, Time, type View } from './named.ts';

export const ChannelView = named(
  'Channel',
  'A named set of repository tags.',
  z.strictObject({
    name: z.string(),
    prefix: z.string().describe('Goes before the published name in the tree'),
    from: z
      .string()
      .nullable()
      .describe('The channel that references are looked up in; null: among the candidates'),
    publish: z.boolean().describe('Whether it stands in the tree'),
  }),
);

export const ChannelRepositoryView = named(
  'ChannelRepository',
  'A repository that has a tag in the channel.',
  z.strictObject({ repository: z.string() }),
);

export const ChannelTagView = named(
  'ChannelTag',
  'A tag in a channel.',
  z.strictObject({
    repository: z.string(),
    tag: z.string(),
    digest: z.string(),
    promotion: z.string().describe('The promotion that put it there'),
    promotedAt: Time,
  }),
);

export function presentChannel({ name, prefix, from, publish }: Channel): View<typeof ChannelView> {
  return { name, prefix, from: from ?? null, publish };
}

export function presentChannelTag(entry: ChannelTag): View<typeof ChannelTagView> {
  const { repository, tag, digest, promotion, promotedAt } = entry;
  return { repository, tag, digest, promotion, promotedAt };
}
