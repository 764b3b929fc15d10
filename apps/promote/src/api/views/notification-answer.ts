import { z } from 'zod';
import { named } from './named.ts';

export const NotificationAnswer = named(
  'NotificationAnswer',
  'What was taken of a notification.',
  z.strictObject({
    accepted: z
      .int()
      .describe('Events of tags that were pushed or deleted in a repository that a source takes'),
    ignored: z.int().describe('All others'),
    tasks: z.array(z.string()).describe('The tasks that look at the tags that were pushed, one a source'),
  }),
);
