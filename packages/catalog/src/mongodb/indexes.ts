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
  'plans',
  'promotions',
  'retractions',
  'results',
  'reports',
  'report_findings',
  'waivers',
  'publications',
  'confirmations',
  'mirrors',
  'pool',
  'pool_serials',
  'garbage',
  'tasks',
  'leases',
  'workers',
  'access_tokens',
  'audit',
  'modes',
  'purges',
] as const;
export type CollectionName = (typeof COLLECTIONS)[number];

/** The indexes of schema 1, by name. */
export const FIRST_INDEXES = {
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

/** What schema 2 has besides. */
export const SECOND_INDEXES = {
  manifests_naming: { collection: 'manifests', key: { names: 1, _id: 1 } },
  candidates_holding: { collection: 'candidates', key: { holds: 1, _id: 1 } },
  channel_tags_holding: { collection: 'channel_tags', key: { holds: 1, owner: 1 } },

  plans_expired: { collection: 'plans', key: { expiresAt: 1 } },
  promotions_keyed: { collection: 'promotions', key: { keyedSince: 1 }, sparse: true },
  retractions_of: { collection: 'retractions', key: { channel: 1, repository: 1, tag: 1 } },

  results_sequence: { collection: 'results', key: { sequence: 1 }, unique: true },
  // With all that the newest of each test is found by, so that their documents alone are read.
  results_latest: {
    collection: 'results',
    key: { digest: 1, source: 1, testcase: 1, scenario: 1, place: -1, _id: 1 },
  },
  results_list: { collection: 'results', key: { place: -1 } },
  results_list_outcome: { collection: 'results', key: { outcome: 1, place: -1 } },
  results_list_source: { collection: 'results', key: { source: 1, place: -1 } },
  results_list_source_outcome: { collection: 'results', key: { source: 1, outcome: 1, place: -1 } },
  results_list_testcase: { collection: 'results', key: { testcase: 1, place: -1 } },
  results_list_testcase_outcome: { collection: 'results', key: { testcase: 1, outcome: 1, place: -1 } },
  results_list_digest: { collection: 'results', key: { digest: 1, place: -1 } },

  reports_sequence: { collection: 'reports', key: { sequence: 1 }, unique: true },
  reports_list: { collection: 'reports', key: { place: -1 } },
  reports_list_source: { collection: 'reports', key: { source: 1, place: -1 } },
  reports_list_digest: { collection: 'reports', key: { digest: 1, place: -1 } },
  reports_list_digest_source: { collection: 'reports', key: { digest: 1, source: 1, place: -1 } },

  waivers_sequence: { collection: 'waivers', key: { sequence: 1 }, unique: true },
  waivers_list: { collection: 'waivers', key: { place: -1 } },
  waivers_list_channel: { collection: 'waivers', key: { channel: 1, place: -1 } },
  waivers_list_digest: { collection: 'waivers', key: { digest: 1, place: -1 } },
  waivers_list_channel_digest: { collection: 'waivers', key: { channel: 1, digest: 1, place: -1 } },

  access_tokens_sequence: { collection: 'access_tokens', key: { sequence: 1 }, unique: true },
  access_tokens_name: { collection: 'access_tokens', key: { name: 1 }, unique: true },
  access_tokens_list: { collection: 'access_tokens', key: { place: -1 } },

  audit_clock: { collection: 'audit', key: { clock: 1, _id: 1 } },
  audit_list: { collection: 'audit', key: { asked: 1, _id: -1 } },

  purges_sequence: { collection: 'purges', key: { sequence: 1 }, unique: true },
  purges_list: { collection: 'purges', key: { place: -1 } },
} as const satisfies Record<string, Index>;

/** What schema 3 has besides. */
export const THIRD_INDEXES = {
  pool_condemned: { collection: 'pool', key: { condemned: 1 }, sparse: true },
  garbage_list: { collection: 'garbage', key: { place: 1 } },
  garbage_list_state: { collection: 'garbage', key: { state: 1, place: 1 } },
  confirmations_list: { collection: 'confirmations', key: { tree: 1, place: 1 } },
  confirmations_outbox: { collection: 'confirmations', key: { waitingSince: 1 }, sparse: true },
  mirrors_of: { collection: 'mirrors', key: { tree: 1, mirror: 1 } },
} as const satisfies Record<string, Index>;

/**
 * Every index of the newest schema, by name. A query that is not by `_id` names one of them, and that name goes with it
 * to the server as a hint: no plan is left to chance.
 */
export const INDEXES = { ...FIRST_INDEXES, ...SECOND_INDEXES, ...THIRD_INDEXES };

export type IndexName = keyof typeof INDEXES;
