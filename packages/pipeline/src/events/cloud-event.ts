import type { OutboxEvent } from '@gantry/catalog';
import type { CloudEvent } from '@gantry/messages';

/** What Gantry's own messages say that they come from. */
export const EVENT_SOURCE = '/gantry';

/** An event as it goes out. The same one is the same bytes each time. */
export function toCloudEvent({ id, type, subject, time, data }: OutboxEvent): CloudEvent {
  return {
    specversion: '1.0',
    id,
    source: EVENT_SOURCE,
    type,
    time,
    subject,
    datacontenttype: 'application/json',
    data,
  };
}
