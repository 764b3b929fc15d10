import type { Failure } from '@gantry/catalog';
import { z } from 'zod';
import { named, Time, type View } from './named.ts';
import { ProblemView } from './problem.ts';

export const FailureView = named(
  'Failure',
  'Something that could not be synced, and has not been since.',
  z.strictObject({
    source: z.string(),
    sourceRepository: z.string().describe('Its name at the source'),
    repository: z.string().describe('The published name'),
    tag: z.string().nullable().describe('null: the repository as a whole'),
    problem: ProblemView.describe('Of the last attempt'),
    attempts: z.int().describe('How often it was tried in vain, in a row'),
    firstAt: Time,
    lastAt: Time,
    retryAt: Time.nullable().describe(
      'When it is tried again by itself; null: with the next sync of the source',
    ),
  }),
);

export function presentFailure(failure: Failure): View<typeof FailureView> {
  const { source, sourceRepository, repository, problem, attempts, firstAt, lastAt, retryAt } = failure;
  const tag = failure.tag ?? null;
  return { source, sourceRepository, repository, tag, problem, attempts, firstAt, lastAt, retryAt };
}
