import { z } from 'zod';
import { named } from './named.ts';

export const HealthView = named(
  'Health',
  'Whether the service is fit to be called.',
  z.strictObject({
    status: z.enum(['ok', 'unavailable']),
    checks: z.record(z.string(), z.string()).describe('By name: `ok`, or why not'),
    readOnly: z
      .boolean()
      .exactOptional()
      .describe('Of /readyz, where that is known: whether changes are refused'),
  }),
);
