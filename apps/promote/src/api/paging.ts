import { z } from 'zod';
import { CURSOR_MAX_LENGTH } from './cursor.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

/** The two parameters of every list. */
export const PAGING = {
  limit: z
    .string()
    .refine((text) => /^\d{1,20}$/.test(text) && Number(text) >= 1, {
      error: 'is not a whole number from 1 on',
    })
    .transform((text) => Math.min(MAX_LIMIT, Number(text)))
    .default(DEFAULT_LIMIT)
    .meta({
      type: 'integer',
      minimum: 1,
      description: `How many items at the most: ${DEFAULT_LIMIT} if absent; more than ${MAX_LIMIT} is taken as ${MAX_LIMIT}`,
    }),
  cursor: z
    .string()
    .max(CURSOR_MAX_LENGTH)
    .exactOptional()
    .describe('`next` of the page before; absent: the first page'),
};

/** A time in a query, as the catalog's timestamps are. */
export const SINCE = z.iso
  .datetime({
    offset: true,
    error: 'is not a time as RFC 3339 writes it: 2026-11-21T09:00:00Z (write "+" as %2B)',
  })
  .transform((text) => new Date(text).toISOString())
  .exactOptional()
  .describe('From that time on');
