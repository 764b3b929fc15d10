import type { Publication } from '@gantry/catalog';
import { z } from 'zod';
import { named, Time, type View } from './named.ts';

export const PublicationView = named(
  'Publication',
  'A serial of the tree and its root.',
  z.strictObject({
    tree: z.string().describe('Its name; `main` for the one that `tree` in the configuration describes'),
    serial: z.int(),
    state: z.enum(['preparing', 'published']),
    root: z.string(),
    promotions: z.array(z.string()).describe('Those whose items appeared in it'),
    added: z.strictObject({ objects: z.int(), bytes: z.int() }).describe('What came into the pool'),
    publishedAt: Time,
  }),
);

export function presentPublication(publication: Publication): View<typeof PublicationView> {
  const { tree, serial, state, root, promotions, added, publishedAt } = publication;
  return { tree, serial, state, root, promotions, added, publishedAt };
}
