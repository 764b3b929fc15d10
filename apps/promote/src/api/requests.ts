import { type PlanRequest, type PromotionRequest as Promotable, QUEUES } from '@gantry/pipeline';
import {
  GROUP,
  GROUP_EXPECTED,
  NAME,
  NAME_EXPECTED,
  SCOPE,
  SCOPE_EXPECTED,
  type Scope,
} from '@gantry/service';
import { z } from 'zod';
import { DigestText, ReferenceText, RepositoryText, TagText } from './content-names.ts';
import { named } from './views/named.ts';

// What bodies say; messages in the queue say the same in `data`.

const ITEMS_MAX = 10_000;
const Repositories = z.array(RepositoryText).min(1).max(ITEMS_MAX);
const ChannelName = z.string().min(1).max(128);
/** Of a published tree. */
export const TreeName = z.string().min(1).max(128);
/** Why a change is made, for the record. */
export const Reason = z.string().min(1).max(1000);

export const SyncRequest = named(
  'SyncRequest',
  'What to pull from a source, now.',
  z.strictObject({
    source: z.string().min(1).max(128).describe("The source's name"),
    repositories: Repositories.exactOptional().describe('Published names; absent: all that the source takes'),
    tags: z
      .array(TagText)
      .min(1)
      .max(1000)
      .exactOptional()
      .describe('Only these tags of the repositories, also where their content was given up'),
    dryRun: z
      .boolean()
      .exactOptional()
      .describe('Only says what would be taken, in the `result` of the task'),
  }),
);

const AskedItems = z
  .array(
    z.strictObject({
      repository: RepositoryText.describe('The published name'),
      reference: ReferenceText.describe(
        "A tag or a digest, looked up in the channel's `from`, else among the candidates",
      ),
      tags: z
        .array(TagText)
        .max(1000)
        .exactOptional()
        .describe('The tags that it gets; absent: the one that it is asked for by'),
    }),
  )
  .min(1)
  .max(ITEMS_MAX);

export const PromotionRequest = named(
  'PromotionRequest',
  'What to promote, and where to: items, or a plan that a dry run has made, just as it is.',
  z
    .strictObject({
      items: AskedItems.exactOptional(),
      plan: z.string().min(1).max(200).exactOptional().describe('The id of a plan, instead of items'),
      to: ChannelName.describe('The channel'),
      atomic: z
        .boolean()
        .exactOptional()
        .describe('One refused item refuses all. Not with a plan, which says it itself'),
      dryRun: z
        .boolean()
        .exactOptional()
        .describe('Only makes a plan of the items, which says what would change'),
      reason: Reason.exactOptional(),
    })
    .superRefine(({ items, plan, atomic, dryRun }, context) => {
      const refuse = (message: string, path: string[] = []) =>
        context.addIssue({ code: 'custom', message, path });
      if (items === undefined && plan === undefined) refuse('must have items, or a plan');
      if (plan === undefined) return;
      if (items !== undefined) refuse('has items and a plan, of which it may have one');
      if (atomic !== undefined) refuse('is what the plan says: leave it out', ['atomic']);
      if (dryRun === true) refuse('is not for a plan: GET it', ['dryRun']);
    })
    .meta({ oneOf: [{ required: ['items'] }, { required: ['plan'] }] }),
);

/** What a body asks for, as the pipeline takes it. The same body always gives the same bytes as JSON. */
export function askedFor(body: z.output<typeof PromotionRequest>): Promotable | PlanRequest {
  const { items, plan = '', dryRun: _, ...rest } = body;
  return items === undefined ? { plan, ...rest } : { items, ...rest };
}

export const PublicationRequest = named(
  'PublicationRequest',
  'Nothing has to be said: what is in the channels is published.',
  z.strictObject({ tree: TreeName.exactOptional().describe('Absent: all trees') }),
);

export const PurgeRequest = named(
  'PurgeRequest',
  'What is to be nowhere any more, and why.',
  z.strictObject({
    digest: DigestText.describe('Of a blob or a manifest; it need not be known'),
    reason: Reason,
  }),
);

export const RollbackRequest = named(
  'RollbackRequest',
  'What goes back to how it stood at that serial.',
  z.strictObject({
    tree: TreeName.exactOptional().describe(
      'The tree that the serial is of; absent: that of the channel, without one the main one',
    ),
    channel: ChannelName.exactOptional().describe('Absent: all channels of the tree'),
    repositories: Repositories.exactOptional().describe('Published names, without a prefix; absent: all'),
    reason: Reason,
  }),
);

export const ReadOnlyRequest = named(
  'ReadOnlyRequest',
  'Whether changes are to be refused.',
  z.strictObject({ on: z.boolean(), reason: Reason.exactOptional() }),
);

export const CollectionRequest = named(
  'CollectionRequest',
  'What nothing needs is to be deleted, or the store is to be read through.',
  z.strictObject({
    dryRun: z.boolean().exactOptional().describe('Only say what would be deleted'),
    scrub: z
      .boolean()
      .exactOptional()
      .describe('Read the store through, to find what is damaged, and delete nothing'),
  }),
);

export const DeadLetterSelection = named(
  'DeadLetterSelection',
  'Which parked messages of a queue.',
  z.strictObject({
    queue: z.enum(Object.values(QUEUES)),
    ids: z
      .array(z.string().min(1).max(1024))
      .min(1)
      .max(ITEMS_MAX)
      .exactOptional()
      .describe('Ids of dead letters; absent: all of the queue'),
  }),
);

const SCOPES_MAX = 1000;

export const TokenRequest = named(
  'TokenRequest',
  'A token to be made.',
  z.strictObject({
    name: z
      .string()
      .regex(NAME, { error: NAME_EXPECTED })
      .describe('Unique among the tokens in force: what its owner is called'),
    scopes: z
      .array(
        z
          .string()
          .max(200)
          .regex(SCOPE, { error: SCOPE_EXPECTED })
          .transform((text) => text as Scope),
      )
      .min(1)
      .max(SCOPES_MAX)
      .describe('`read`, `sync`, `report:<source>`, `promote:<channel>`, `approve:<channel>`, `admin`'),
    groups: z
      .array(z.string().regex(GROUP, { error: GROUP_EXPECTED }))
      .max(SCOPES_MAX)
      .exactOptional()
      .describe("The groups that its owner is a member of, for a channel's rules"),
    expiresAt: z.iso
      .datetime({
        offset: true,
        error: 'is not a time as RFC 3339 writes it: 2026-11-21T09:00:00Z',
      })
      .transform((text) => new Date(text).toISOString())
      .exactOptional()
      .describe('Absent: it does not expire'),
  }),
);

export const ScannersReport = named(
  'ScannersReport',
  'What a scanner of vulnerabilities wrote: `trivy image --format json`, `grype -o json`, or SARIF 2.1.0.',
  z.looseObject({}),
);
