import type { Candidate, ChannelTag, ManifestRecord, Purge } from '@gantry/catalog';
import { MANIFEST_KINDS, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { z } from 'zod';
import type { Beginning, Uses } from '../uses.ts';
import { named, Time, type View } from './named.ts';

const more = z.boolean().describe('Whether there are more than are shown');
/** The first of a list that is known as a whole. */
const counted = <T extends z.ZodType>(item: T) =>
  z.strictObject({ count: z.int(), items: z.array(item).describe('The first of them') });

const UsesView = {
  namedBy: z
    .strictObject({
      items: z.array(z.strictObject({ digest: z.string(), as: z.enum(['manifest', 'blob']) })),
      more,
    })
    .describe('Manifests that name it'),
  candidates: z
    .strictObject({
      items: z.array(
        z.strictObject({
          source: z.string(),
          repository: z.string(),
          tag: z.string(),
          digest: z.string().describe("The tag's own"),
          since: Time,
        }),
      ),
      more,
    })
    .describe('Candidates that have it, also inside of an index or among what goes with them'),
  channels: z
    .strictObject({
      items: z.array(
        z.strictObject({
          channel: z.string(),
          repository: z.string(),
          tag: z.string(),
          digest: z.string().describe("The tag's own"),
          promotion: z.string().describe('The promotion that put it there'),
          since: Time,
        }),
      ),
      more,
    })
    .describe('Tags in channels that have it, likewise'),
  purged: Time.nullable().describe('When it was said that it must be nowhere any more; null: never'),
};

export const ManifestView = named(
  'Manifest',
  'A manifest that is here, with all below it.',
  z.strictObject({
    digest: z.string(),
    kind: z.enum(MANIFEST_KINDS),
    mediaType: z.string(),
    size: z.int().describe('Bytes of the manifest itself'),
    artifactType: z.string().nullable(),
    annotations: z.record(z.string(), z.string()),
    subject: z.string().nullable(),
    manifests: counted(z.string()).describe('Its children that are here'),
    absent: counted(z.string()).describe('Its children that were left out, being of other platforms'),
    blobs: counted(
      z.strictObject({
        digest: z.string(),
        size: z.int(),
        foreign: z.boolean().describe('A layer that must not be distributed: recorded, not fetched'),
      }),
    ),
    referrers: z.strictObject({ items: z.array(z.string()), more }).describe('Manifests whose subject it is'),
    ...UsesView,
  }),
);

export const BlobView = named(
  'Blob',
  'A blob that is here, or that a manifest names.',
  z.strictObject({
    digest: z.string(),
    size: z.int(),
    stored: z.boolean().describe('Whether its bytes are in the store'),
    ...UsesView,
  }),
);

export function presentManifest(
  record: ManifestRecord,
  uses: Uses,
  purge: Purge | undefined,
  limit: number,
): View<typeof ManifestView> {
  const { digest, kind, size, artifactType, annotations, subject } = record;
  const blobs = record.blobs.map((blob) => ({ ...blob, foreign: blob.foreign === true }));
  return {
    digest,
    kind,
    mediaType: MANIFEST_MEDIA_TYPES[kind],
    size,
    artifactType: artifactType ?? null,
    annotations: annotations ?? {},
    subject: subject ?? null,
    manifests: firstOf(record.manifests, limit),
    absent: firstOf(record.absent ?? [], limit),
    blobs: firstOf(blobs, limit),
    referrers: uses.referrers,
    ...presentUses(uses, purge),
  };
}

export function presentBlob(
  blob: { readonly digest: string; readonly size: number; readonly stored: boolean },
  uses: Uses,
  purge: Purge | undefined,
): View<typeof BlobView> {
  return { ...blob, ...presentUses(uses, purge) };
}

function presentUses({ manifests, candidates, channels }: Uses, purge: Purge | undefined) {
  return {
    namedBy: {
      items: manifests.items.map(({ digest, as }) => ({
        digest,
        as: as === 'manifest' ? ('manifest' as const) : ('blob' as const),
      })),
      more: manifests.more,
    },
    candidates: mapped(candidates, presentCandidateUse),
    channels: mapped(channels, presentChannelUse),
    purged: purge?.at ?? null,
  };
}

function presentCandidateUse({ source, repository, tag, digest, syncedAt }: Candidate) {
  return { source, repository, tag, digest, since: syncedAt };
}

function presentChannelUse(entry: ChannelTag) {
  const { channel, repository, tag, digest, promotion, promotedAt, since = promotedAt } = entry;
  return { channel, repository, tag, digest, promotion, since };
}

function mapped<T, U>({ items, more: isMore }: Beginning<T>, present: (item: T) => U) {
  return { items: items.map((item) => present(item)), more: isMore };
}

function firstOf<T>(items: readonly T[], limit: number) {
  return { count: items.length, items: items.slice(0, limit) };
}
