import { type Confirmation, confirmationRecord, type OutboxEvent } from '@gantry/catalog';
import type { MirrorData } from './event-data.ts';

/**
 * What befalls a mirror when a confirmation is put that others are told of.
 * @param publishedAt when the serial was published
 */
export function mirrorEvents(confirmation: Confirmation, url: string, publishedAt: string): OutboxEvent[] {
  const { tree, serial, mirror, state, served, sampled, problem, at } = confirmation;
  if (state === 'failed') return [];
  const data: MirrorData = {
    mirror,
    url,
    tree,
    serial,
    publishedAt,
    served: served ?? null,
    sampled,
    problem: problem ?? null,
  };
  return [
    {
      id: `mirror/${tree}/${mirror}/${serial}/${state}`,
      type: `mirror.${state}`,
      subject: `${mirror} ${serial}`,
      time: at,
      data,
      record: confirmationRecord(confirmation),
    },
  ];
}
