import { type Purge, type Task, TASK_STATES } from '@gantry/catalog';
import { z } from 'zod';
import { named, Time, type View } from './named.ts';
import { presentTask, TaskView } from './task.ts';

export const PurgeView = named(
  'Purge',
  'A digest that is kept out for good, and how far it has been taken out.',
  z.strictObject({
    digest: z.string(),
    reason: z.string(),
    by: z.string(),
    at: Time.describe('Since when it is kept out'),
    task: z.string().describe('The id of the task that takes it out'),
    state: z.enum(TASK_STATES).describe('Of the task: done when nothing of it is left'),
    errors: TaskView.shape.errors.describe('What holds it up; it is tried again until it is done'),
    result: TaskView.shape.result.describe('What was taken out, and the first serial without it'),
    endedAt: Time.nullable(),
  }),
);

/** @param task undefined: it has not been made yet */
export function presentPurge(purge: Purge, task: Task | undefined): View<typeof PurgeView> {
  const { digest, reason, by, at } = purge;
  const none = { state: 'queued' as const, errors: [], result: null, endedAt: null };
  const { state, errors, result, endedAt } = task === undefined ? none : presentTask(task);
  return { digest, reason, by, at, task: purge.task, state, errors, result, endedAt };
}
