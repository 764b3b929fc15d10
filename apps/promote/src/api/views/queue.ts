import type { DeadLetter } from '@gantry/messages';
import { z } from 'zod';
import { named, type View } from './named.ts';

export const QueueView = named(
  'Queue',
  'A queue, and what is in it.',
  z.strictObject({
    name: z.string(),
    ready: z.int().describe('Messages that wait'),
    unacknowledged: z.int().describe('Messages that are being worked on'),
    dead: z.int().describe('Messages that are parked'),
  }),
);

export const DeadLetterView = named(
  'DeadLetter',
  'A message that was parked after it failed several times, or that was no event at all.',
  z.strictObject({
    queue: z.string(),
    id: z.string().describe('Names it among the parked ones of its queue'),
    routingKey: z.string(),
    event: z
      .looseObject({ id: z.string(), source: z.string(), type: z.string() })
      .nullable()
      .describe('The CloudEvent, without its `data` where the message has more than 8 KiB; null: it is none'),
    text: z
      .string()
      .nullable()
      .describe('The beginning of what is no CloudEvent, or of the `data` that is left out of `event`'),
    reason: z.string().nullable().describe('Why it was parked, as far as that is known'),
    parkedAt: z.string().nullable(),
  }),
);

export const ReplayAnswer = named(
  'ReplayAnswer',
  'What came of a replay.',
  z.strictObject({ replayed: z.int().describe('Messages that are back in their queue') }),
);

export const DiscardAnswer = named(
  'DiscardAnswer',
  'What came of throwing messages away.',
  z.strictObject({ discarded: z.int().describe('Messages that are gone') }),
);

export function presentDeadLetter(queue: string, letter: DeadLetter): View<typeof DeadLetterView> {
  const { id, routingKey, event, text, reason, parkedAt } = letter;
  return {
    queue,
    id,
    routingKey,
    event: event ?? null,
    text: text ?? null,
    reason: reason ?? null,
    parkedAt: parkedAt ?? null,
  };
}
