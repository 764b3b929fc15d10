import { EVENT_DATA } from '@gantry/pipeline';
import { z } from 'zod';
import { READ } from '../access.ts';
import { route } from '../route.ts';
import { EventView } from '../views/event.ts';

const TYPES = Object.keys(EVENT_DATA);
/** All events there are, by what they are of. */
export const EVENT_NOUNS = [...new Set(TYPES.map((type) => `${type.split('.', 1)[0]}.*`))];

const Type = z.enum([...TYPES, ...EVENT_NOUNS]);

export const EVENT_ROUTES = [
  route({
    method: 'GET',
    path: '/api/v1/events',
    name: 'followEvents',
    summary: 'What happens, as it happens',
    access: READ,
    query: z.strictObject({
      type: z
        .union(
          [
            Type,
            z
              .array(Type)
              .min(1)
              .max(TYPES.length + EVENT_NOUNS.length),
          ],
          {
            error: `is none of ${[...EVENT_NOUNS, ...TYPES].join(', ')}`,
          },
        )
        .transform((types) => [types].flat())
        .exactOptional()
        .describe('Only events of that type, or of `promotion.*` and the like; once or several times'),
    }),
    answers: {
      200: {
        description:
          'Server-sent events: each is a CloudEvent as JSON, its id that of the event. What was before does not come, nor what happens while nobody listens',
        view: EventView,
        contentType: 'text/event-stream',
      },
    },
    async handle(call) {
      const reader = await call.api.liveEvents.open(call.query.type ?? EVENT_NOUNS, call.gone());
      return { status: 200, events: (signal) => reader.read(signal) };
    },
  }),
];
