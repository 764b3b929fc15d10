import { GATE_KINDS, PROMOTION_STATES } from '@gantry/catalog';
import { z } from 'zod';

/** What each event carries as its `data`: enough for a consumer that asks nothing further. */

const Time = z.iso.datetime();
const Problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
});

/** A tag of a source is new, or has come to another digest, and all that belongs to it is in the store. */
export const CandidateData = z.strictObject({
  source: z.string(),
  sourceRepository: z.string(),
  /** The published name, as it is promoted by. */
  repository: z.string(),
  tag: z.string(),
  digest: z.string(),
  /** What the tag meant before; null: it is new. */
  former: z.string().nullable(),
  mediaType: z.string(),
});
export type CandidateData = z.infer<typeof CandidateData>;

/** A promotion as it stands after what befell it. */
export const PromotionData = z.strictObject({
  id: z.string(),
  kind: z.enum(['promote', 'rollback', 'retract', 'purge']),
  /** The channel; `*` for a rollback or purge of all channels. */
  to: z.string(),
  state: z.enum(['queued', 'gating', 'publishing', 'refused', 'done', 'partial', 'failed', 'cancelled']),
  /** The tree that `serial` is of; absent: the main one. */
  tree: z.string().exactOptional(),
  /** The publication that it appeared in; null: none, or not yet. */
  serial: z.int().nullable(),
  /** How many items it has; `items` has the first thousand. */
  itemCount: z.int(),
  items: z.array(
    z.strictObject({
      channel: z.string(),
      repository: z.string(),
      /** As it was asked for. */
      reference: z.string(),
      /** Null: refused, or tags that go. */
      digest: z.string().nullable(),
      tags: z.array(z.string()),
      state: z.enum(['accepted', 'refused', 'done', 'failed']),
      problem: Problem.exactOptional(),
    }),
  ),
  /** What gates have not let pass: the first hundred, each with the first ten things that it lacks. */
  gates: z.array(
    z.strictObject({
      gate: z.string(),
      kind: z.enum(GATE_KINDS),
      repository: z.string(),
      digest: z.string(),
      /** `waiting`: all that is missing may still come. */
      state: z.enum(['waiting', 'refused']),
      missing: z.array(z.strictObject({ name: z.string(), detail: z.string() })),
    }),
  ),
  /** Each state that it has entered, and when. */
  timeline: z.array(
    z.strictObject({ at: Time, state: z.enum(PROMOTION_STATES), note: z.string().exactOptional() }),
  ),
  /** The plan that it applies; null: none. */
  plan: z.string().nullable(),
  error: Problem.nullable(),
  reason: z.string().nullable(),
  requestedBy: z.string(),
});
export type PromotionData = z.infer<typeof PromotionData>;

/** A serial that the tree's pointer is at. */
export const PublicationData = z.strictObject({
  tree: z.string(),
  serial: z.int(),
  root: z.string(),
  /** Ids of those whose items appeared in it. */
  promotions: z.array(z.string()),
  /** What came into the pool. */
  added: z.strictObject({ objects: z.int(), bytes: z.int() }),
  publishedAt: Time,
});
export type PublicationData = z.infer<typeof PublicationData>;

/** How a mirror stands to a serial. */
export const MirrorData = z.strictObject({
  /** Its name in the configuration. */
  mirror: z.string(),
  url: z.string(),
  tree: z.string(),
  /** Of `mirror.confirmed`: it has all up to it. Of `mirror.late`: the first that it lacks. */
  serial: z.int(),
  /** When that was published. */
  publishedAt: Time,
  /** The serial that it serves; null: none that could be read. */
  served: z.int().nullable(),
  /** How many objects were pulled through it, by their digests. */
  sampled: z.int(),
  /** What is wrong with it; null: nothing but that it is behind. */
  problem: Problem.nullable(),
});
export type MirrorData = z.infer<typeof MirrorData>;

/** A sync that has ended. */
export const SyncData = z.strictObject({
  /** Of the task. */
  id: z.string(),
  source: z.string(),
  /** `partial`: what is not in `errors` is here. */
  state: z.enum(['done', 'partial', 'failed']),
  progress: z.strictObject({ bytes: z.int(), blobs: z.int(), tags: z.int() }),
  /** How many things failed; `errors` has the first hundred. */
  failed: z.int(),
  errors: z.array(
    z.strictObject({
      /** `REPO:TAG`, a repository, or the source's name. */
      item: z.string(),
      problem: Problem,
      /** When it is tried again by itself; null: it is not. */
      retryAt: Time.nullable(),
    }),
  ),
});
export type SyncData = z.infer<typeof SyncData>;

const Amount = z.strictObject({ objects: z.int(), bytes: z.int() });
const Freed = {
  /** What nothing needs, as was found now. */
  condemned: Amount,
  /** What is gone. */
  freed: Amount,
  /** What is condemned, and lies there still. */
  waiting: Amount,
};

/** A collection that has ended, and was no dry run. */
export const CollectionData = z.strictObject({
  /** Of the task. */
  id: z.string(),
  /** `partial`: something failed, or is missing. */
  state: z.enum(['done', 'partial']),
  /** Null: it failed. */
  store: z.strictObject({ ...Freed, missing: z.int() }).nullable(),
  /** Those that did not fail. */
  trees: z.array(z.strictObject({ tree: z.string(), ...Freed })),
});
export type CollectionData = z.infer<typeof CollectionData>;

/** Every event that goes out, with the shape of its `data`. The type is the routing key, too. */
export const EVENT_DATA = {
  'candidate.synced': CandidateData,
  'promotion.accepted': PromotionData,
  'promotion.waiting': PromotionData,
  'promotion.publishing': PromotionData,
  'promotion.refused': PromotionData,
  'promotion.done': PromotionData,
  'promotion.partial': PromotionData,
  'promotion.failed': PromotionData,
  'promotion.cancelled': PromotionData,
  'publication.done': PublicationData,
  'mirror.confirmed': MirrorData,
  'mirror.late': MirrorData,
  'sync.done': SyncData,
  'sync.failed': SyncData,
  'gc.done': CollectionData,
} as const;
export type EventType = keyof typeof EVENT_DATA;
