import { EVENT_DATA } from '@gantry/pipeline';
import { z } from 'zod';
import { named } from './named.ts';

export const EventView = named(
  'Event',
  'Something that has happened: a CloudEvent 1.0. What is sent twice has the same id.',
  z.strictObject({
    specversion: z.literal('1.0'),
    id: z.string(),
    source: z.string().describe('`/gantry`'),
    type: z.enum(Object.keys(EVENT_DATA)),
    time: z.iso.datetime(),
    subject: z.string().describe('What it is about: a promotion or `REPO:TAG`'),
    datacontenttype: z.literal('application/json'),
    data: z.looseObject({}).describe('By the type: see docs/messages.md'),
  }),
);
