import type { AuditEntry } from '@gantry/catalog';
import { z } from 'zod';
import { named, Time, type View } from './named.ts';

const Hash = z.string().regex(/^[0-9a-f]{64}$/);

export const AuditEntryView = named(
  'AuditEntry',
  'What somebody did or was refused, in its place in the log. What is not known is absent, as it is in what the hash is made of.',
  z.strictObject({
    sequence: z.int().min(1).describe('From 1 on, without gaps'),
    at: Time,
    actor: z.string().describe("The caller's name, or what sent the message"),
    via: z.enum(['api', 'message', 'cli']),
    action: z.string().describe('The `operationId`, or the routing key of a command'),
    target: z.string().describe('What it was done to'),
    outcome: z.enum(['done', 'refused', 'failed']),
    status: z.int().exactOptional().describe('Of the answer'),
    problem: z.string().exactOptional().describe('The problem type of what was not done'),
    reason: z.string().exactOptional().describe('As the caller gave it'),
    requestId: z.string().exactOptional(),
    previous: Hash.describe('The hash of the entry before it; of the first one 64 zeros'),
    hash: Hash.describe('SHA-256 of the JSON of all else, its members sorted by name, without blanks'),
  }),
);

export const AuditEntriesView = named(
  'AuditEntries',
  'Entries in their order. `next` is the `after` of those that follow; null: there are none yet.',
  z.strictObject({ items: z.array(AuditEntryView), next: z.int().nullable() }),
);

export const AuditHeadView = named(
  'AuditHead',
  'The end of the log. Of an empty one the sequence is 0.',
  z.strictObject({ sequence: z.int().min(0), hash: Hash, at: Time.nullable() }),
);

export function presentAuditEntry({
  sequence,
  at,
  actor,
  via,
  action,
  target,
  outcome,
  status,
  problem,
  reason,
  requestId,
  previous,
  hash,
}: AuditEntry): View<typeof AuditEntryView> {
  return {
    sequence,
    at,
    actor,
    via,
    action,
    target,
    outcome,
    ...(status === undefined ? {} : { status }),
    ...(problem === undefined ? {} : { problem }),
    ...(reason === undefined ? {} : { reason }),
    ...(requestId === undefined ? {} : { requestId }),
    previous,
    hash,
  };
}
