import { Fault, parseRepositoryName } from '@gantry/oci';
import { acceptRollback, type Channel, createTask, findTree, MAIN_TREE } from '@gantry/pipeline';
import { MAX_SERIAL } from '@gantry/tree';
import { z } from 'zod';
import { promoteScopes, READ } from '../access.ts';
import type { ApiOptions } from '../api-options.ts';
import { IDEMPOTENCY_HEADERS, requesterOf } from '../idempotency-key.ts';
import { PAGING } from '../paging.ts';
import { WAIT_HEADERS } from '../record-answer.ts';
import { PublicationRequest, RollbackRequest, TreeName } from '../requests.ts';
import { route } from '../route.ts';
import { pageOf } from '../views/named.ts';
import { PromotionView } from '../views/promotion.ts';
import { presentPublication, PublicationView } from '../views/publication.ts';
import { presentTask, TaskView } from '../views/task.ts';
import { answerAccepted } from './promotions.ts';
import { taskPath } from './tasks.ts';

/** A serial as it stands in a path or a query. */
const Serial = z
  .string()
  .refine((text) => /^\d{1,12}$/.test(text) && Number(text) >= 1, {
    error: 'is not a serial: a whole number from 1 on is',
  })
  .transform(Number)
  .meta({ type: 'integer', minimum: 1, maximum: MAX_SERIAL });

export const SerialParameter = z.strictObject({ serial: Serial });
const EVERY_CHANNEL = 'promote:<every published channel>';
const TREE = { tree: TreeName.exactOptional().describe('The name of the tree; absent: the main one') };

/** The channels of one tree, or of all. @throws Fault TREE_UNKNOWN */
function channelsIn({ trees, channels }: ApiOptions, tree: string | undefined): readonly Channel[] {
  return tree === undefined ? channels : findTree(tree, trees).channels;
}

export const PUBLICATION_ROUTES = [
  route({
    method: 'POST',
    path: '/api/v1/publications',
    name: 'createPublication',
    summary: 'Publishes now, and puts back what is missing in the tree',
    access: {
      shown: EVERY_CHANNEL,
      kinds: ['promote'],
      scopes: ({ api, body }) => promoteScopes('*', channelsIn(api, body?.tree)),
    },
    body: PublicationRequest.optional(),
    target: ({ body }) => body?.tree ?? 'all trees',
    answers: {
      202: { description: 'The task', view: TaskView, headers: { Location: 'The task' } },
    },
    faults: ['TREE_UNKNOWN'],
    async handle({ api, body = {} }) {
      const task = await createTask(api.flow, api.messages, 'publish', body);
      return { status: 202, headers: { Location: taskPath(task.id) }, json: presentTask(task) };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/publications',
    name: 'listPublications',
    summary: 'Publications, newest first',
    access: READ,
    query: z.strictObject({ ...TREE, ...PAGING }),
    answers: { 200: { description: 'A page of publications', view: pageOf(PublicationView) } },
    faults: ['TREE_UNKNOWN'],
    async handle({ query: { tree, ...page }, api }) {
      const { name } = findTree(tree ?? MAIN_TREE, api.trees);
      const { items, next } = await api.flow.catalog.publications.list(name, page);
      return { status: 200, json: { items: items.map(presentPublication), next } };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/publications/{serial}',
    name: 'getPublication',
    summary: 'A publication',
    access: READ,
    params: SerialParameter,
    query: z.strictObject(TREE),
    answers: { 200: { description: 'The publication', view: PublicationView } },
    faults: ['PUBLICATION_UNKNOWN', 'TREE_UNKNOWN'],
    async handle({ params: { serial }, query: { tree }, api }) {
      const { name } = findTree(tree ?? MAIN_TREE, api.trees);
      const publication = await api.flow.catalog.publications.get(name, serial);
      if (publication !== undefined) return { status: 200, json: presentPublication(publication) };
      throw new Fault('PUBLICATION_UNKNOWN', `there is no publication ${serial}`, { serial });
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/publications/{serial}/rollback',
    name: 'rollBack',
    summary: 'Puts tags back to how they stood at a serial, as a promotion and a new serial',
    access: {
      shown: `promote:<channel>, or without one ${EVERY_CHANNEL}`,
      kinds: ['promote'],
      scopes: ({ body: { channel, tree }, api }) =>
        channel === undefined
          ? promoteScopes('*', channelsIn(api, tree ?? MAIN_TREE))
          : promoteScopes(channel, api.channels),
    },
    params: SerialParameter,
    body: RollbackRequest,
    target: ({ params, body: { channel, tree } }) =>
      `${channel ?? 'all channels'}${tree === undefined ? '' : ` of ${tree}`} to ${params.serial}`,
    headers: { ...IDEMPOTENCY_HEADERS, ...WAIT_HEADERS },
    answers: {
      202: { description: 'The promotion', view: PromotionView, headers: { Location: 'The promotion' } },
    },
    faults: [
      'PUBLICATION_UNKNOWN',
      'CHANNEL_UNKNOWN',
      'TREE_UNKNOWN',
      'REQUEST_UNPROCESSABLE',
      'NAME_INVALID',
      'NAME_UNKNOWN',
      'CONFLICT',
      'IDEMPOTENCY_KEY_REUSED',
      'TREE_INVALID',
    ],
    async handle(call) {
      const { flow, trees } = call.api;
      call.body.repositories?.forEach(parseRepositoryName);
      const request = { serial: call.params.serial, ...call.body };
      const { promotion } = await acceptRollback(flow, trees, request, requesterOf(call));
      return answerAccepted(call.api, promotion, call);
    },
  }),
];
