import { z } from 'zod';
import { named } from './named.ts';

export const ProblemView = named(
  'Problem',
  'A problem document (RFC 9457). `type` is stable; members beside these say what it is about.',
  z.looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
  }),
);
