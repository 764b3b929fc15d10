import type { DeadLetter } from '@gantry/messages';
import { QUEUES } from '@gantry/pipeline';
import { z } from 'zod';
import { ADMIN, READ } from '../access.ts';
import { cursorsOf } from '../cursor.ts';
import { PAGING } from '../paging.ts';
import { DeadLetterSelection } from '../requests.ts';
import { route } from '../route.ts';
import { sortedPages } from '../sorted-page.ts';
import { pageOf } from '../views/named.ts';
import { DeadLetterView, DiscardAnswer, presentDeadLetter, QueueView, ReplayAnswer } from '../views/queue.ts';

const queuePage = sortedPages<z.output<typeof QueueView>>('queues', ({ name }) => [name]);
/** The id of the last one that was shown, and when it was parked. */
const letterCursors = cursorsOf('dead-letters', z.tuple([z.string(), z.iso.datetime().nullable()]));

const QueueName = z.enum(Object.values(QUEUES)).describe('A queue');
const IDS_MAX = 100;
/** One or several of a parameter. */
const Ids = z
  .union([z.string().min(1).max(1024), z.array(z.string().min(1).max(1024)).min(1).max(IDS_MAX)])
  .transform((ids) => [ids].flat())
  .describe(`Ids of dead letters, each a parameter \`id\`, ${IDS_MAX} at the most`);

export const QUEUE_ROUTES = [
  route({
    method: 'GET',
    path: '/api/v1/queues',
    name: 'listQueues',
    summary: 'The queues, and how much is in them',
    access: READ,
    query: z.strictObject(PAGING),
    answers: { 200: { description: 'A page of queues, by name', view: pageOf(QueueView) } },
    async handle({ query, api: { messages } }) {
      const depths = await Promise.all(
        Object.values(QUEUES).map(async (name) => {
          const { ready, unacknowledged, dead } = await messages.depth(name);
          return { name, ready, unacknowledged, dead };
        }),
      );
      return { status: 200, json: queuePage(depths, query) };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/dead-letters',
    name: 'listDeadLetters',
    summary: 'Messages of a queue that are parked, oldest first',
    access: READ,
    query: z.strictObject({ queue: QueueName, ...PAGING }),
    answers: { 200: { description: 'A page of dead letters', view: pageOf(DeadLetterView) } },
    async handle({ query: { queue, limit, cursor }, api: { messages } }) {
      const after = cursor === undefined ? undefined : positionOf(letterCursors.decode(cursor));
      const letters = await messages.deadLetters(queue, limit + 1, after);
      const shown = letters.slice(0, limit);
      const last = shown.at(-1);
      const isMore = letters.length > shown.length;
      return {
        status: 200,
        json: {
          items: shown.map((letter) => presentDeadLetter(queue, letter)),
          next: isMore && last !== undefined ? letterCursors.encode([last.id, last.parkedAt ?? null]) : null,
        },
      };
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/dead-letters/replay',
    name: 'replayDeadLetters',
    summary: 'Puts parked messages back into their queue',
    access: ADMIN,
    body: DeadLetterSelection,
    target: ({ body }) => body.queue,
    answers: { 200: { description: 'How many', view: ReplayAnswer } },
    async handle({ body: { queue, ids }, api: { messages, flow }, caller }) {
      const replayed = await messages.replay(queue, ids);
      flow.log.info({ queue, replayed, by: caller.name }, 'dead_letters.replayed');
      return { status: 200, json: { replayed } };
    },
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/dead-letters',
    name: 'discardDeadLetters',
    summary: 'Throws parked messages away',
    access: ADMIN,
    query: z.strictObject({ queue: QueueName, id: Ids }),
    target: ({ query }) => query.queue,
    answers: { 200: { description: 'How many', view: DiscardAnswer } },
    async handle({ query: { queue, id: ids }, api: { messages, flow }, caller }) {
      const discarded = await messages.discard(queue, ids);
      flow.log.warn({ queue, discarded, ids, by: caller.name }, 'dead_letters.discarded');
      return { status: 200, json: { discarded } };
    },
  }),
];

function positionOf([id, parkedAt]: readonly [string, string | null]): Pick<DeadLetter, 'id' | 'parkedAt'> {
  return parkedAt === null ? { id } : { id, parkedAt };
}
