import type { Plan } from '@gantry/catalog';
import { z } from 'zod';
import { named, Time, type View } from './named.ts';
import { ProblemView } from './problem.ts';

export const PlanView = named(
  'Plan',
  'What a promotion would do, as it was compared with what was in the channel then.',
  z.strictObject({
    id: z.string(),
    etag: z.string().describe('The digest of all that would be done; quoted, it is the ETag'),
    to: z.string().describe('The channel'),
    atomic: z.boolean(),
    items: z.array(
      z.strictObject({
        repository: z.string(),
        reference: z.string().describe('As it was asked for'),
        digest: z.string().nullable().describe('null: nothing of that name is known'),
        tags: z.array(
          z.strictObject({
            tag: z.string(),
            action: z.enum(['add', 'move', 'noop', 'refuse']),
            from: z.string().exactOptional().describe('The digest that the tag has now'),
            problem: ProblemView.exactOptional().describe('Why this very tag refuses its item'),
          }),
        ),
        problem: ProblemView.exactOptional().describe('Why the item is refused'),
      }),
    ),
    totals: z.strictObject({
      adds: z.int(),
      moves: z.int(),
      noops: z.int(),
      refusals: z.int(),
      objects: z.int().describe('Manifests and blobs that the tree does not have yet'),
      bytes: z.int().describe('Of those objects'),
    }),
    requestedBy: z.string(),
    createdAt: Time,
    expiresAt: Time.describe('It can not be applied any more from then on'),
  }),
);

/** A plan as it is shown: what only the services need is left out. */
export function presentPlan(plan: Plan): View<typeof PlanView> {
  return {
    ...plan,
    items: plan.items.map(({ companions: _companions, referrers: _referrers, ...item }) => item),
  };
}
