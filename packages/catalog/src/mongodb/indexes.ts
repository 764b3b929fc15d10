import type { IndexSpecification } from 'mongodb';

/** An index of a collection. The key's order is what its queries need: what is equal first, then the order of the list. */
export interface Index {
  readonly collection: CollectionName;
  readonly key: Readonly<Record<string, 1 | -1>> & IndexSpecification;
  readonly unique?: true;
  /** Without the rows that lack the field, where the server knows that; nothing relies on it. */
  readonly sparse?: true;
}

/** All that a catalog has in its database. */
export const COLLECTIONS = [
  'schema',
  'counters',
  'manifests',
  'candidates',
  'failures',
  'channels',
  'channel_tags',
  'promotions',
  'publications',
  'pool',
  'pool_serials',
  'tasks',
  'leases',
  'workers',
] as const;
export type CollectionName = (typeof COLLECTIONS)[number];

/**
 * Every index of the newest schema, by name. A query that is not by `_id` names one of them, and that name goes with it
 * to the server as a hint: no plan is left to chance.
 */
export const INDEXES = {
  candidates_sequence: { collection: 'candidates', key: { sequence: 1 }, unique: true },
  candidates_newest: { collection: 'candidates', key: { repository: 1, tag: 1, sequence: -1 } },
  // With all that the newest of each tag is found by, so that their documents alone are read.
  candidates_of_source: {
    collection: 'candidates',
    key: { source: 1, sourceRepository: 1, tag: 1, sequence: -1, _id: 1 },
  },
  candidates_list: { collection: 'candidates', key: { place: -1 } },
  candidates_list_repository: { collection: 'candidates', key: { repository: 1, place: -1 } },
  candidates_list_tag: { collection: 'candidates', key: { tag: 1, place: -1 } },
  candidates_list_digest: { collection: 'candidates', key: { digest: 1, place: -1 } },
  candidates_list_repository_tag: { collection: 'candidates', key: { repository: 1, tag: 1, place: -1 } },
  candidates_list_repository_digest: {
    collection: 'candidates',
    key: { repository: 1, digest: 1, place: -1 },
  },
  candidates_outbox: { collection: 'candidates', key: { waitingSince: 1 }, sparse: true },

  failures_list: { collection: 'failures', key: { place: 1 } },
  failures_due: { collection: 'failures', key: { source: 1, retryAt: 1 } },

  channels_listed: { collection: 'channels', key: { channel: 1, listed: 1, repository: 1 } },
  channel_tags_revision: { collection: 'channel_tags', key: { owner: 1, revision: 1 } },
  channel_tags_digest: { collection: 'channel_tags', key: { owner: 1, digests: 1 } },

  promotions_sequence: { collection: 'promotions', key: { sequence: 1 }, unique: true },
  promotions_idempotency: { collection: 'promotions', key: { idempotency: 1 }, unique: true },
  promotions_in_state: { collection: 'promotions', key: { state: 1, sequence: 1 } },
  promotions_list: { collection: 'promotions', key: { place: -1 } },
  promotions_list_state: { collection: 'promotions', key: { state: 1, place: -1 } },
  promotions_list_channel: { collection: 'promotions', key: { channel: 1, place: -1 } },
  promotions_list_state_channel: { collection: 'promotions', key: { state: 1, channel: 1, place: -1 } },
  promotions_outbox: { collection: 'promotions', key: { waitingSince: 1 }, sparse: true },

  publications_list: { collection: 'publications', key: { tree: 1, serial: -1 } },
  publications_outbox: { collection: 'publications', key: { waitingSince: 1 }, sparse: true },

  pool_list: { collection: 'pool', key: { tree: 1, path: 1 } },
  pool_gone: { collection: 'pool', key: { gone: 1 }, sparse: true },

  tasks_sequence: { collection: 'tasks', key: { sequence: 1 }, unique: true },
  tasks_list: { collection: 'tasks', key: { place: -1 } },
  tasks_list_state: { collection: 'tasks', key: { state: 1, place: -1 } },
  tasks_list_kind: { collection: 'tasks', key: { kind: 1, place: -1 } },
  tasks_list_state_kind: { collection: 'tasks', key: { state: 1, kind: 1, place: -1 } },
  tasks_outbox: { collection: 'tasks', key: { waitingSince: 1 }, sparse: true },

  leases_end: { collection: 'leases', key: { expiresAtMs: 1 } },
  workers_end: { collection: 'workers', key: { expiresAtMs: 1 } },
} as const satisfies Record<string, Index>;

export type IndexName = keyof typeof INDEXES;
