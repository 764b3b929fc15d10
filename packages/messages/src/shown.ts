import type { CloudEvent, DeadLetter } from './messages.ts';

/** A list of dead letters has no more, whatever is asked for. With what each shows it is 16 MiB at the most. */
export const LISTED_MAX = 1024;
/** A message of no more bytes is shown as it is. */
export const SHOWN_WHOLE_BYTES = 8 * 1024;
/** How much is shown of a text that may be long. */
export const TEXT_MAX_CHARACTERS = 1000;
export const REASON_MAX_CHARACTERS = 2000;

/** What a dead letter shows of its event: all, or, when the message is large, what the event says of itself and the beginning of its data. */
export function shownOf(event: CloudEvent, sizeBytes: number): Pick<DeadLetter, 'event' | 'text'> {
  if (sizeBytes <= SHOWN_WHOLE_BYTES) return { event };
  const { specversion, id, source, type, time, subject, data } = event;
  const json = JSON.stringify(data) as string | undefined;
  return {
    event: {
      specversion,
      id: beginning(id),
      source: beginning(source),
      type: beginning(type),
      ...(time === undefined ? {} : { time: beginning(time) }),
      ...(subject === undefined ? {} : { subject: beginning(subject) }),
      data: undefined,
    },
    ...(json === undefined ? {} : { text: beginning(json) }),
  };
}

/** A copy of a text's first characters: a mere slice of it would keep all of it in memory. */
export function beginning(text: string, characters: number = TEXT_MAX_CHARACTERS): string {
  return text.length <= characters
    ? text
    : Buffer.from(text.slice(0, characters), 'utf16le').toString('utf16le');
}
