import { createHash } from 'node:crypto';
import { type Candidate, candidateRecord, type OutboxEvent } from '@gantry/catalog';
import type { CandidateData } from './event-data.ts';

/**
 * What befalls a tag by putting `candidate`: nothing, unless it is new or comes to another digest.
 * @param former the tag's newest candidate before, also one that the source had no more
 */
export function candidateEvents(former: Candidate | undefined, candidate: Candidate): OutboxEvent[] {
  const { source, sourceRepository, repository, tag, digest, mediaType, syncedAt } = candidate;
  const wasThere =
    former?.source === source && former.goneAt === undefined && former.collectedAt === undefined;
  if (wasThere && former.digest === digest) return [];
  const record = candidateRecord(candidate);
  const data: CandidateData = {
    source,
    sourceRepository,
    repository,
    tag,
    digest,
    former: wasThere ? former.digest : null,
    mediaType,
  };
  // Names may be longer than an id. A tag may come back to a digest, so the time is part of what befell it.
  const key = createHash('sha256').update(record.key).digest('hex');
  return [
    {
      id: `candidate/${key}/synced/${syncedAt}`,
      type: 'candidate.synced',
      subject: `${repository}:${tag}`,
      time: syncedAt,
      data,
      record,
    },
  ];
}
