import { formatDuration } from '@gantry/service';
import { z } from 'zod';
import type { KnownSource } from '../known-source.ts';
import { named, type View } from './named.ts';

export const SourceView = named(
  'Source',
  'An upstream registry, and what is taken from it.',
  z.strictObject({
    name: z.string(),
    registry: z.string().describe('Host and port'),
    repositories: z.array(z.string()).describe('Globs over its catalogue, or plain names'),
    every: z
      .string()
      .nullable()
      .describe('How often it is synced by itself, as `5m` or `1h30m`; null: only when asked'),
  }),
);

export function presentSource({ name, host, repositories, everyMs }: KnownSource): View<typeof SourceView> {
  return {
    name,
    registry: host,
    repositories,
    every: everyMs === undefined ? null : formatDuration(everyMs),
  };
}
