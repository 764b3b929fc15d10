import { randomUUID } from 'node:crypto';
import type { Task } from '@gantry/catalog';
import type { Messages } from '@gantry/messages';
import type { Flow } from '../context.ts';
import { sendWork } from './queues.ts';

/** Records a task, for whoever runs it. */
export function recordTask(
  flow: Pick<Flow, 'catalog' | 'now'>,
  kind: Task['kind'],
  parameters: Task['parameters'],
  id: string = randomUUID(),
): Promise<Task> {
  return flow.catalog.tasks.create({
    id,
    kind,
    parameters,
    state: 'queued',
    progress: { bytes: 0, blobs: 0, tags: 0 },
    errors: [],
    createdAt: flow.now().toISOString(),
  });
}

/** Records a task and hands it to a worker. */
export async function createTask(
  flow: Flow,
  messages: Messages,
  kind: Task['kind'],
  parameters: Task['parameters'],
): Promise<Task> {
  const task = await recordTask(flow, kind, parameters);
  await sendWork(messages, { type: kind === 'sync' ? 'work.sync' : 'work.publish', task: task.id });
  return task;
}
