import { type Task, TASK_STATES } from '@gantry/catalog';
import { z } from 'zod';
import { named, Time, type View } from './named.ts';
import { ProblemView } from './problem.ts';

const COUNTS = { bytes: z.int(), blobs: z.int(), tags: z.int() };

export const TASK_KINDS = [
  'sync',
  'publish',
  'purge',
  'gc',
  'scrub',
] as const satisfies readonly Task['kind'][];

export const TaskView = named(
  'Task',
  'A piece of longer work, and how far it has come.',
  z.strictObject({
    id: z.string(),
    kind: z.enum(TASK_KINDS),
    parameters: z.record(z.string(), z.unknown()).describe('What was asked for'),
    state: z.enum(TASK_STATES).describe('done, partial, failed and cancelled are not left any more'),
    progress: z.strictObject({
      ...COUNTS,
      expected: z
        .strictObject(COUNTS)
        .exactOptional()
        .describe('How much of each is known to be needed so far; it grows while a sync finds out more'),
    }),
    errors: z
      .array(
        z.strictObject({
          item: z.string(),
          problem: ProblemView,
          retryAt: Time.nullable().describe('When it is tried again by itself; null: it is not'),
        }),
      )
      .describe('What failed: `REPO:TAG`, a repository, or a source'),
    result: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('What came of it: the serial of a publication, the plan of a dry run, what a purge took out'),
    createdAt: Time,
    startedAt: Time.nullable(),
    endedAt: Time.nullable(),
  }),
);

export function presentTask(task: Task): View<typeof TaskView> {
  const { id, kind, parameters, state, progress, errors, createdAt } = task;
  return {
    id,
    kind,
    parameters,
    state,
    progress,
    errors: errors.map(({ item, problem, retryAt }) => ({ item, problem, retryAt: retryAt ?? null })),
    result: task.result ?? null,
    createdAt,
    startedAt: task.startedAt ?? null,
    endedAt: task.endedAt ?? null,
  };
}
