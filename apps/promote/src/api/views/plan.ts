import { z } from 'zod';
import { named } from './named.ts';
import { ProblemView } from './problem.ts';

export const PlanView = named(
  'Plan',
  'What a promotion would do, compared with what is in the channel now.',
  z.strictObject({
    to: z.string(),
    items: z.array(
      z.strictObject({
        repository: z.string(),
        reference: z.string(),
        digest: z.string().nullable(),
        tags: z.array(
          z.strictObject({
            tag: z.string(),
            action: z.enum(['add', 'move', 'noop']),
            from: z.string().exactOptional().describe('The digest that the tag has now'),
          }),
        ),
        problem: ProblemView.exactOptional(),
      }),
    ),
  }),
);
