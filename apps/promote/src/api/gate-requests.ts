import { OUTCOMES } from '@gantry/catalog';
import { z } from 'zod';
import { ReportingSource } from './reporting.ts';
import { DigestText, ReferenceText, RepositoryText, TagText } from './content-names.ts';
import { named } from './views/named.ts';

// What bodies say of evidence; a message `command.result` says the same in `data`.

const RESULTS_MAX = 1000;
const DECISION_ITEMS_MAX = 1000;
const Words = z.string().min(1).max(256);
const Place = z.string().min(1).max(4096);
const Value = z.string().max(4096);
const Reason = z.string().min(1).max(1000);

export const ResultRequest = named(
  'ResultRequest',
  'What a test came to, of one image, in the shape of ResultsDB.',
  z.strictObject({
    digest: DigestText.describe('The image that was tested: what is to be promoted'),
    repository: RepositoryText.exactOptional().describe('The published name, where the test was of one'),
    testcase: z
      .union([Words, z.strictObject({ name: Words, ref_url: Place.nullish() })])
      .describe('Its name, and where it is described'),
    outcome: z
      .enum(OUTCOMES)
      .describe('PASSED and INFO let an image pass; QUEUED and RUNNING are waited for'),
    source: ReportingSource,
    scenario: Words.exactOptional().describe(
      'One of several runs that are told apart; absent: the first `scenario` in `data`, if there is one',
    ),
    ref_url: Place.nullish().describe('Where the run can be read'),
    note: z.string().max(10_000).nullish(),
    groups: z.array(z.string().min(1).max(200)).max(100).exactOptional(),
    data: z
      .record(z.string().min(1).max(200), z.union([Value, z.array(Value).max(100)]))
      .refine((data) => Object.keys(data).length <= 100, { error: 'has more than 100 members' })
      .exactOptional()
      .describe('What else the test system says'),
    id: z
      .string()
      .min(1)
      .max(200)
      .exactOptional()
      .describe(
        'What makes a repeat the same result, among those of its source; absent: it gets one. It is kept as <source>:<id>',
      ),
  }),
);
export type ResultRequest = z.output<typeof ResultRequest>;

export const ResultsRequest = named(
  'ResultsRequest',
  'A result, or a list of them.',
  z.union([ResultRequest, z.array(ResultRequest).min(1).max(RESULTS_MAX)]),
);

export const ApprovalRequest = named(
  'ApprovalRequest',
  'A yes to a promotion.',
  z.strictObject({ comment: Reason.exactOptional() }),
);

export const WaiverRequest = named(
  'WaiverRequest',
  'That a gate need not hold for an image, for a time.',
  z.strictObject({
    channel: z.string().min(1).max(128),
    repository: RepositoryText.describe('The published name'),
    reference: ReferenceText.describe(
      "A tag, looked up in the channel's `from`, else among the candidates; or a digest",
    ),
    gate: z.string().min(1).max(128).describe("The gate's name"),
    requirement: Words.exactOptional().describe(
      'The name of one thing that it asks for; absent: all that it does',
    ),
    reason: Reason,
    expiresAt: z.iso
      .datetime({ offset: true, error: 'is not a time as RFC 3339 writes it: 2026-11-21T09:00:00Z' })
      .transform((text) => new Date(text).toISOString())
      .describe('A year from now at the most'),
  }),
);

const Verbose = z.boolean().exactOptional().describe('With the results and waivers that it rests on');

const OwnDecision = z.strictObject({
  items: z
    .array(
      z.strictObject({
        repository: RepositoryText.describe('The published name'),
        reference: ReferenceText.describe('A tag or a digest'),
        tags: z.array(TagText).max(1000).exactOptional().describe('The tags that it would get'),
      }),
    )
    .min(1)
    .max(DECISION_ITEMS_MAX),
  to: z.string().min(1).max(128).describe('The channel'),
  verbose: Verbose,
});

const Subject = z.string().min(1).max(1000).describe('`REPO:TAG` or `REPO@DIGEST`, the published name');

/** What those who ask as of Greenwave call an image. */
export const SUBJECT_TYPES: readonly string[] = ['container-image', 'redhat-container-image', 'oci-image'];
const SubjectType = z
  .string()
  .max(256)
  .exactOptional()
  .describe(`One of ${SUBJECT_TYPES.join(', ')}`);

/** Greenwave's `POST /api/v1.0/decision`, as far as it has a meaning here. */
const GreenwaveDecision = z
  .strictObject({
    decision_context: z.string().min(1).max(128).describe('The channel'),
    product_version: z.string().max(256).exactOptional().describe('Is not looked at'),
    subject_type: SubjectType,
    subject_identifier: Subject.exactOptional(),
    subject: z
      .array(z.strictObject({ type: SubjectType, item: Subject }))
      .min(1)
      .max(DECISION_ITEMS_MAX)
      .exactOptional()
      .describe('Several, in place of `subject_identifier`'),
    verbose: Verbose,
  })
  .refine((body) => (body.subject_identifier === undefined) !== (body.subject === undefined), {
    error: 'must have subject_identifier or subject, one of the two',
  })
  .meta({ oneOf: [{ required: ['subject_identifier'] }, { required: ['subject'] }] });

export const DecisionRequest = named(
  'DecisionRequest',
  "Which images are to be judged for which channel: in our words, or in Greenwave's.",
  z.union([OwnDecision, GreenwaveDecision]),
);
