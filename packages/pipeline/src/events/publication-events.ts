import { type OutboxEvent, type Publication, publicationRecord } from '@gantry/catalog';
import type { PublicationData } from './event-data.ts';

/**
 * What befalls a publication when it is put.
 * @param former as the catalog knew it before; absent where it did not: then it is only learnt of now, as after a restore
 */
export function publicationEvents(
  former: Pick<Publication, 'state'> | undefined,
  publication: Publication,
): OutboxEvent[] {
  if (former?.state !== 'preparing' || publication.state !== 'published') return [];
  const { tree, serial, root, promotions, added, publishedAt } = publication;
  const data: PublicationData = { tree, serial, root, promotions: [...promotions], added, publishedAt };
  return [
    {
      id: `publication/${tree}/${serial}/done`,
      type: 'publication.done',
      subject: `${tree} ${serial}`,
      time: publishedAt,
      data,
      record: publicationRecord(publication),
    },
  ];
}
