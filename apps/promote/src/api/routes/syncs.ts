import { Fault, parseRepositoryName } from '@gantry/oci';
import { createTask, syncParametersOf } from '@gantry/pipeline';
import { SYNC } from '../access.ts';
import { SyncRequest } from '../requests.ts';
import { route } from '../route.ts';
import { presentTask, TaskView } from '../views/task.ts';
import { taskPath } from './tasks.ts';

export const SYNC_ROUTES = [
  route({
    method: 'POST',
    path: '/api/v1/syncs',
    name: 'createSync',
    summary: 'Pulls candidates from a source',
    access: SYNC,
    body: SyncRequest,
    target: ({ body }) => body.source,
    answers: {
      202: { description: 'The task', view: TaskView, headers: { Location: 'The task' } },
    },
    faults: ['SOURCE_UNKNOWN', 'NAME_INVALID', 'REQUEST_UNPROCESSABLE'],
    async handle({ body, api }) {
      const names = api.sources.map(({ name }) => name);
      if (!names.includes(body.source)) throw unknownSource(body.source, names);
      body.repositories?.forEach(parseRepositoryName);
      const asked = await syncParametersOf(api.flow, body);
      const task = await createTask(api.flow, api.messages, 'sync', asked);
      return { status: 202, headers: { Location: taskPath(task.id) }, json: presentTask(task) };
    },
  }),
];

function unknownSource(source: string, sources: readonly string[]): Fault {
  const known = sources.length === 0 ? 'none is configured' : `there are ${sources.join(', ')}`;
  return new Fault('SOURCE_UNKNOWN', `there is no source ${JSON.stringify(source)}: ${known}`, { source });
}
