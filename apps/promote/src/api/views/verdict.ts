import { GATE_KINDS } from '@gantry/catalog';
import { z } from 'zod';
import { named, Time } from './named.ts';

export const VerdictView = named(
  'Verdict',
  'What a gate says of one image.',
  z.strictObject({
    gate: z.string().describe("The gate's name"),
    kind: z.enum(GATE_KINDS),
    repository: z.string(),
    digest: z.string(),
    state: z
      .enum(['passed', 'waived', 'waiting', 'refused'])
      .describe('waived: passed by waivers alone; waiting: all that is missing may still come'),
    requirements: z.array(
      z.strictObject({
        name: z.string(),
        satisfied: z.boolean(),
        type: z.string().describe("What became of it, in Greenwave's manner: `test-result-missing`"),
        detail: z.string().describe('What was found or is missing, and where to look'),
        pending: z.literal(true).exactOptional().describe('What is missing may still come'),
        evidence: z
          .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
          .exactOptional()
          .describe('What the verdict rests on'),
        waiver: z
          .string()
          .exactOptional()
          .describe('The waiver that makes up for it; it counts as satisfied then'),
      }),
    ),
    at: Time,
  }),
);
