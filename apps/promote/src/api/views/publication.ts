import type { Publication } from '@gantry/catalog';
import { z } from 'zod';
import { named, Time, type View } from './named.ts';

export const PublicationView = named(
  'Publication',
  'A serial of the tree and its root.',
  z.strictObject({
    serial: z.int(),
    state: z.enum(['preparing', 'published']),
    root: z.string(),
    promotions: z.array(z.string()).describe('Those whose items appeared in it'),
    added: z.strictObject({ objects: z.int(), bytes: z.int() }).describe('What came into the pool'),
    publishedAt: Time,
  }),
);

export function presentPublication(publication: Publication): View<typeof PublicationView> {
  const { serial, state, root, promotions, added, publishedAt } = publication;
  return { serial, state, root, promotions, added, publishedAt };
}
