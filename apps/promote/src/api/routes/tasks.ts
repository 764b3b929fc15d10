import { type Task, TASK_ENDED, TASK_STATES, updateTask } from '@gantry/catalog';
import { Fault, quote } from '@gantry/oci';
import { channelsOf } from '@gantry/pipeline';
import { z } from 'zod';
import { promoteScopes, READ } from '../access.ts';
import type { ApiOptions } from '../api-options.ts';
import { PAGING } from '../paging.ts';
import { answerRecord, RECORD_HEADERS } from '../record-answer.ts';
import { answerRecordEvents, EVENT_ANSWERS, EVENT_HEADERS } from '../record-events.ts';
import { route } from '../route.ts';
import { pageOf } from '../views/named.ts';
import { presentTask, TASK_KINDS, TaskView } from '../views/task.ts';

const TaskId = z.strictObject({ id: z.string().max(200) });

/** Where a task is to be found. */
export function taskPath(id: string): string {
  return `/api/v1/tasks/${id}`;
}

export const TASK_ROUTES = [
  route({
    method: 'GET',
    path: '/api/v1/tasks',
    name: 'listTasks',
    summary: 'Tasks, newest first',
    access: READ,
    query: z.strictObject({
      state: z.enum(TASK_STATES).exactOptional(),
      kind: z.enum(TASK_KINDS).exactOptional(),
      ...PAGING,
    }),
    answers: { 200: { description: 'A page of tasks', view: pageOf(TaskView) } },
    async handle({ query, api }) {
      const { items, next } = await api.flow.catalog.tasks.list(query);
      return { status: 200, json: { items: items.map(presentTask), next } };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/tasks/{id}',
    name: 'getTask',
    summary: 'A task as it stands, or, waited for, as it has ended',
    access: READ,
    params: TaskId,
    headers: RECORD_HEADERS,
    answers: {
      200: { description: 'The task', view: TaskView, headers: { ETag: 'Of its revision' } },
      304: { description: 'Nothing has changed' },
    },
    faults: ['TASK_UNKNOWN'],
    handle: (call) =>
      answerRecord(
        call,
        () => getTask(call.api, call.params.id),
        ({ state }) => TASK_ENDED.includes(state),
        presentTask,
      ),
  }),
  route({
    method: 'GET',
    path: '/api/v1/tasks/{id}/events',
    name: 'followTask',
    summary: 'A task each time that it has changed, until it has ended',
    access: READ,
    params: TaskId,
    headers: EVENT_HEADERS,
    answers: EVENT_ANSWERS,
    faults: ['TASK_UNKNOWN'],
    handle: (call) =>
      answerRecordEvents(
        call,
        () => getTask(call.api, call.params.id),
        ({ state }) => TASK_ENDED.includes(state),
        presentTask,
      ),
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/tasks/{id}',
    name: 'cancelTask',
    summary: 'Cancels a task that has not ended',
    access: {
      shown:
        'sync, for a publication promote:<every published channel>, for a purge, a collection and a scrub admin',
      kinds: ['sync', 'promote'],
      scopes: async ({ params, api }) => {
        const { kind, parameters } = await getTask(api, params.id);
        if (kind === 'sync') return ['sync'];
        if (kind !== 'publish') return ['admin'];
        const { tree } = parameters;
        const touched = typeof tree === 'string' ? channelsOf(tree, api.channels) : api.channels;
        return promoteScopes('*', touched);
      },
    },
    params: TaskId,
    answers: { 200: { description: 'The cancelled task', view: TaskView } },
    faults: ['TASK_UNKNOWN', 'CONFLICT'],
    async handle({ params, api: { flow }, caller }) {
      const cancelled = await updateTask(flow.catalog, params.id, (task) => {
        if (TASK_ENDED.includes(task.state)) {
          throw new Fault('CONFLICT', `the task ${task.id} is ${task.state} already`, {
            task: task.id,
            state: task.state,
          });
        }
        if (task.kind === 'purge') {
          throw new Fault('CONFLICT', `the task ${task.id} is a purge, which goes on until it is done`, {
            task: task.id,
          });
        }
        return { ...task, state: 'cancelled', endedAt: flow.now().toISOString() };
      });
      flow.log.info({ task: cancelled.id, by: caller.name }, 'task.cancelled');
      return { status: 200, json: presentTask(cancelled) };
    },
  }),
];

/** @throws Fault TASK_UNKNOWN */
export async function getTask(api: ApiOptions, id: string): Promise<Task> {
  const task = await api.flow.catalog.tasks.get(id);
  if (task !== undefined) return task;
  throw new Fault('TASK_UNKNOWN', `there is no task ${quote(id)}`, { task: id });
}
