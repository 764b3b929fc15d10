import { Fault } from '@gantry/oci';
import { createTask } from '@gantry/pipeline';
import { ADMIN } from '../access.ts';
import { CollectionRequest } from '../requests.ts';
import { route } from '../route.ts';
import { presentTask, TaskView } from '../views/task.ts';
import { taskPath } from './tasks.ts';

export const COLLECTION_ROUTES = [
  route({
    method: 'POST',
    path: '/api/v1/collections',
    name: 'createCollection',
    summary: 'Deletes what nothing needs from the store and the trees, or reads the store through for damage',
    access: ADMIN,
    body: CollectionRequest,
    target: ({ body }) => (body.scrub === true ? 'scrub' : 'gc'),
    answers: {
      202: { description: 'The task', view: TaskView, headers: { Location: 'The task' } },
    },
    faults: ['REQUEST_UNPROCESSABLE'],
    async handle({ body: { dryRun, scrub }, api }) {
      if (dryRun === true && scrub === true)
        throw new Fault('REQUEST_UNPROCESSABLE', 'a scrub deletes nothing: it has no dry run');
      const task =
        scrub === true
          ? await createTask(api.flow, api.messages, 'scrub', {})
          : await createTask(api.flow, api.messages, 'gc', dryRun === undefined ? {} : { dryRun });
      return { status: 202, headers: { Location: taskPath(task.id) }, json: presentTask(task) };
    },
  }),
];
