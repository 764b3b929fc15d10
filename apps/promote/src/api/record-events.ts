import { setTimeout as pause } from 'node:timers/promises';
import type { LivingRecord } from './record-answer.ts';
import type { Answer, Call, ServerSentEvent } from './route.ts';

/** How often a record is looked at. A task's progress is written once a second. */
const LOOK_MS = 250;

/** What documentation says of the header that `answerRecordEvents` takes. */
export const EVENT_HEADERS = {
  'Last-Event-ID': 'The id of the last event that came, to go on after it',
} as const;

/** What documentation says of what `answerRecordEvents` answers. */
export const EVENT_ANSWERS = {
  200: {
    description:
      'Server-sent events: each is the whole record as JSON, its id the revision. The last one has ended',
    contentType: 'text/event-stream',
  },
  204: { description: 'It has ended, and the event that says so is known: there will be no more' },
} as const;

/**
 * Answers with a record each time that it has changed, until it has ended.
 * @param read throws when there is no such record
 */
export async function answerRecordEvents<T extends LivingRecord>(
  call: Call,
  read: () => Promise<T>,
  isEnded: (record: T) => boolean,
  present: (record: T) => unknown,
): Promise<Answer> {
  const lastId = call.header('last-event-id');
  const first = await read();
  if (isEnded(first) && String(first.revision) === lastId) return { status: 204 };
  return { status: 200, events: (signal) => changesOf(first, read, isEnded, present, lastId, signal) };
}

async function* changesOf<T extends LivingRecord>(
  first: T,
  read: () => Promise<T>,
  isEnded: (record: T) => boolean,
  present: (record: T) => unknown,
  lastId: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  let sentId = lastId;
  for (let record = first; ; record = await read()) {
    const id = String(record.revision);
    if (id !== sentId) yield { id, data: present(record) };
    sentId = id;
    if (isEnded(record) || signal.aborted) return;
    await pause(LOOK_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
  }
}
