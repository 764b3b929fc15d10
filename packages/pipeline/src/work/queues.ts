import { randomUUID } from 'node:crypto';
import type { CloudEvent, Messages } from '@gantry/messages';
import type { Digest } from '@gantry/oci';

/** Queues by who reads them. Commands come from outside; the other two are Gantry's own, between its services. */
export const QUEUES = {
  commands: 'gantry.commands',
  sync: 'gantry.sync',
  promote: 'gantry.promote',
} as const;

/** Work that waits in a queue. It only names a record in the catalog: a message that comes twice does no harm. */
export type Work =
  | { readonly type: 'work.sync'; readonly task: string }
  | { readonly type: 'work.promotion'; readonly promotion: string }
  | { readonly type: 'work.evidence'; readonly digest: Digest }
  | { readonly type: 'work.publish'; readonly task: string };

const QUEUE_OF = {
  'work.sync': QUEUES.sync,
  'work.promotion': QUEUES.promote,
  'work.evidence': QUEUES.promote,
  'work.publish': QUEUES.promote,
} as const;

/** Hands work to whichever worker is free. Resolves once it is durable. */
export async function sendWork(messages: Messages, work: Work): Promise<void> {
  const { type, ...data } = work;
  const event: CloudEvent = { specversion: '1.0', id: randomUUID(), source: '/gantry', type, data };
  await messages.send(QUEUE_OF[type], type, event);
}
