import type { Candidate } from '@gantry/catalog';
import { z } from 'zod';
import { named, Time, type View } from './named.ts';

export const CandidateView = named(
  'Candidate',
  'A tag of a source at one digest, synced.',
  z.strictObject({
    source: z.string(),
    sourceRepository: z.string().describe('Its name at the source'),
    repository: z.string().describe('The published name'),
    tag: z.string(),
    digest: z.string(),
    mediaType: z.string(),
    platforms: z.array(z.string()).describe('`os/architecture[/variant]`'),
    size: z.int().describe('Bytes of all its distinct manifests and blobs'),
    syncedAt: Time.describe('When this tag was last seen to move to this digest'),
    goneAt: Time.nullable().describe('When the source told that it has the tag no more; null: not told'),
    labels: z.record(z.string(), z.string()),
    companions: z
      .array(z.strictObject({ tag: z.string(), digest: z.string() }))
      .describe('Tags that go with it by their names: `sha256-<hex>.sig`'),
    referrers: z.array(z.string()).describe('Digests of manifests that refer to it or to what it contains'),
  }),
);

export function presentCandidate(candidate: Candidate): View<typeof CandidateView> {
  return {
    source: candidate.source,
    sourceRepository: candidate.sourceRepository,
    repository: candidate.repository,
    tag: candidate.tag,
    digest: candidate.digest,
    mediaType: candidate.mediaType,
    platforms: candidate.platforms,
    size: candidate.size,
    syncedAt: candidate.syncedAt,
    goneAt: candidate.goneAt ?? null,
    labels: candidate.labels,
    companions: candidate.companions,
    referrers: candidate.referrers,
  };
}
