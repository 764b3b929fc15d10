import { z } from 'zod';
import { parseDuration } from './duration.ts';
import { tagPatternProblem, textPatternProblem } from './patterns.ts';
import { checked, Duration, FilePath, Interval, Name, SecretText, text } from './texts.ts';
import { serviceAddressProblem } from './web-address.ts';

/** The longest that one gate may take. */
const GATE_MAX_MS = 30_000;

const nonEmpty = <T extends z.ZodType>(items: T) =>
  z.array(items).min(1, { error: 'is empty: leave it out, or name one' });
const Count = z
  .int({ error: 'is not a whole number' })
  .min(1, { error: 'is below 1: leave the gate out to ask for none' })
  .max(100, { error: 'is above 100' });
/** A duration that is not none. */
const Length = Duration.refine((ms) => ms > 0, { error: 'is no time at all: write 1d or the like' });
const Most = z.int({ error: 'is not a whole number' }).min(0, { error: 'is below 0' }).optional();
const Patterns = z.record(z.string().min(1, { error: 'is empty' }), checked(textPatternProblem));
const TagPattern = checked(tagPatternProblem);
/** A day, which is over when it ends (in UTC), or a time; the time, once it is read. */
const Until = z
  .string()
  .refine((until) => untilOf(until) !== undefined, {
    error: 'is no day and no time: write 2027-01-31 or 2027-01-31T12:00:00Z',
    abort: true,
  })
  .transform((until) => untilOf(until) ?? '')
  .describe('A day, the last one, or a time: 2027-01-31, 2027-01-31T12:00:00Z');

const Gate = z.strictObject({
  name: Name.optional().describe('Unique in the channel; absent: the kind'),
  wait: Duration.optional().describe(
    'How long a promotion waits for what may still come; absent: not at all, for approvals 7d',
  ),
  results: z
    .strictObject({
      testcases: nonEmpty(text(256)).describe('Each must have a newest result that is PASSED or INFO'),
      sources: nonEmpty(text(128)).optional().describe('Test systems whose word counts; absent: all'),
      scenarios: nonEmpty(text(256)).optional().describe('Each test case must have passed in each'),
    })
    .optional(),
  approvals: z
    .strictObject({
      count: Count.default(1).describe('So many people, other than who asked'),
      by: nonEmpty(text(256)).optional().describe('Names of tokens, oidc:NAME, ldap:USER'),
      groups: nonEmpty(text(256)).optional().describe('Groups whose members may approve'),
    })
    .optional(),
  match: z
    .strictObject({ labels: Patterns.optional(), annotations: Patterns.optional() })
    .optional()
    .describe('Names, globs, or regular expressions (RE2) between slashes, by the name of the label'),
  age: z
    .strictObject({
      atLeast: Length,
      channel: z.string().optional().describe('Absent: the one that the channel takes from'),
    })
    .optional()
    .describe('How long the image has been in a channel'),
  signature: z
    .strictObject({
      keyFiles: nonEmpty(FilePath).describe('Public keys in PEM'),
      count: Count.optional().describe('How many of the keys must have signed; absent: 1'),
    })
    .optional()
    .describe("cosign's signatures by keys"),
  referrers: z
    .strictObject({ artifactTypes: nonEmpty(text(256)).describe('Artifact types or predicate types') })
    .optional(),
  vulnerabilities: z
    .strictObject({
      atMost: z.strictObject({
        critical: Most,
        high: Most,
        medium: Most,
        low: Most,
        negligible: Most,
        unknown: Most,
      }),
      sources: nonEmpty(text(128)).optional().describe('Who may report; absent: anybody'),
      maxAge: Length.optional().describe('An older report is none; absent: any age'),
      onlyFixable: z.boolean().default(false).describe('Counts only what a newer version mends'),
      allow: z
        .array(z.strictObject({ id: text(128), until: Until, reason: text(1000) }))
        .default([])
        .describe('Vulnerabilities that do not count until a time'),
    })
    .optional(),
  http: z
    .strictObject({
      url: checked(serviceAddressProblem).describe(
        "A rule of Open Policy Agent's data API, or what answers as it",
      ),
      timeout: Interval.refine((ms) => ms <= GATE_MAX_MS, { error: 'is too long: 30s at the most' })
        .prefault('10s')
        .describe('A service that takes longer has not said yes'),
      token: SecretText.optional().describe('Sent as a bearer token'),
      tokenFile: FilePath.optional(),
      caFile: FilePath.optional().describe('Who signed its certificate; absent: those the system trusts'),
    })
    .optional(),
});
const KINDS = Object.keys(Gate.shape).filter((key) => key !== 'name' && key !== 'wait');

/** The kinds that a gate names. There is one; gate-checks.ts refuses a second. */
export function kindsOf(gate: object): string[] {
  return KINDS.filter((kind) => (gate as Readonly<Record<string, unknown>>)[kind] !== undefined);
}

/** One of `channels[].gates`. */
export const GateEntry = Gate.refine((gate) => kindsOf(gate).length > 0, {
  error: 'does not say what it asks for: write for instance approvals: { count: 1 }',
});
export type GateEntry = z.output<typeof GateEntry>;

/** `channels[].tags`. */
export const TagRulesEntry = z.strictObject({
  names: nonEmpty(TagPattern).optional().describe('What every tag must match one of; absent: any'),
  immutable: z.array(TagPattern).default([]).describe('Tags that never get another digest'),
  movers: z
    .array(
      z.strictObject({
        tags: nonEmpty(TagPattern),
        by: z.array(text(256)).default([]).describe('Names of tokens, oidc:NAME, ldap:USER'),
        groups: z.array(text(256)).default([]),
      }),
    )
    .default([])
    .describe('Tags that only some may set'),
});
export type TagRulesEntry = z.output<typeof TagRulesEntry>;

/** The last moment of a day, or a time, as RFC 3339 in UTC; undefined for text that is neither. */
export function untilOf(until: string): string | undefined {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(until);
  const isTime = z.iso.datetime({ offset: true }).safeParse(until).success;
  if (!isDay && !isTime) return undefined;
  const time = Date.parse(until) + (isDay ? parseDuration('1d') : 0);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}
