import { z } from 'zod';
import type { ReadOnly } from '../../read-only.ts';
import { named, Time, type View } from './named.ts';

export const ReadOnlyView = named(
  'ReadOnly',
  'Whether changes are refused.',
  z.strictObject({
    on: z.boolean(),
    reason: z.string().nullable(),
    by: z.string().nullable().describe('Who said so; null: nobody, or the configuration'),
    at: Time.nullable(),
  }),
);

export function presentReadOnly({
  on,
  reason,
  by,
  at,
}: Awaited<ReturnType<ReadOnly['state']>>): View<typeof ReadOnlyView> {
  return { on, reason: reason ?? null, by: by ?? null, at: at ?? null };
}
