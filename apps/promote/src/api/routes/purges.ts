import { TASK_ENDED } from '@gantry/catalog';
import { Fault, parseDigest } from '@gantry/oci';
import { acceptPurge } from '@gantry/pipeline';
import { z } from 'zod';
import { ADMIN } from '../access.ts';
import { DigestText } from '../content-names.ts';
import { PAGING } from '../paging.ts';
import { readAsPreferred, WAIT_HEADERS } from '../record-answer.ts';
import { PurgeRequest } from '../requests.ts';
import { route } from '../route.ts';
import { pageOf } from '../views/named.ts';
import { presentPurge, PurgeView } from '../views/purge.ts';
import { presentTask, TaskView } from '../views/task.ts';
import { getTask, taskPath } from './tasks.ts';

export const PURGE_ROUTES = [
  route({
    method: 'POST',
    path: '/api/v1/purges',
    name: 'createPurge',
    summary: 'Takes an object out of channels, tree, retained snapshots and store at once, and keeps it out',
    access: ADMIN,
    body: PurgeRequest,
    headers: WAIT_HEADERS,
    answers: {
      202: {
        description: 'The task, the same for a digest that was purged before',
        view: TaskView,
        headers: { Location: 'The task' },
      },
    },
    faults: ['DIGEST_INVALID', 'REQUEST_UNPROCESSABLE'],
    target: ({ body }) => body.digest,
    async handle(call) {
      const { flow, messages } = call.api;
      const { id } = (await acceptPurge(flow, messages, call.body, call.caller.name)).task;
      const { record, applied } = await readAsPreferred(
        call,
        () => getTask(call.api, id),
        ({ state }) => TASK_ENDED.includes(state),
      );
      return { status: 202, headers: { Location: taskPath(id), ...applied }, json: presentTask(record) };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/purges',
    name: 'listPurges',
    summary: 'What is kept out for good, newest first',
    access: ADMIN,
    query: z.strictObject(PAGING),
    answers: { 200: { description: 'A page of purges', view: pageOf(PurgeView) } },
    async handle({ query, api }) {
      const { purges, tasks } = api.flow.catalog;
      const { items, next } = await purges.list(query);
      const shown = items.map(async (purge) => presentPurge(purge, await tasks.get(purge.task)));
      return { status: 200, json: { items: await Promise.all(shown), next } };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/purges/{digest}',
    name: 'getPurge',
    summary: 'Why a digest is kept out, and how far it has been taken out',
    access: ADMIN,
    params: z.strictObject({ digest: DigestText }),
    answers: { 200: { description: 'The purge', view: PurgeView } },
    faults: ['DIGEST_INVALID', 'PURGE_UNKNOWN'],
    async handle({ params, api }) {
      const { purges, tasks } = api.flow.catalog;
      const digest = parseDigest(params.digest);
      const purge = await purges.get(digest);
      if (purge === undefined) throw new Fault('PURGE_UNKNOWN', `${digest} was not purged`, { digest });
      return { status: 200, json: presentPurge(purge, await tasks.get(purge.task)) };
    },
  }),
];
