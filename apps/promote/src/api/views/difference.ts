import { z } from 'zod';
import { named, type View } from './named.ts';

export const DifferenceView = named(
  'Difference',
  'A tag that is not the same on both sides.',
  z.strictObject({
    repository: z
      .string()
      .describe(
        'Between channels the published name without prefix; between serials as it stands in the tree',
      ),
    tag: z.string(),
    from: z.string().nullable().describe('The digest there; null: no such tag'),
    to: z.string().nullable(),
  }),
);
export type Difference = View<typeof DifferenceView>;
