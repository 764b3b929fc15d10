import { Fault, parseRepositoryName } from '@gantry/oci';
import { acceptRollback, createTask } from '@gantry/pipeline';
import { MAX_SERIAL } from '@gantry/tree';
import { z } from 'zod';
import { promoteScopes, READ } from '../access.ts';
import { IDEMPOTENCY_HEADERS, requesterOf } from '../idempotency-key.ts';
import { PAGING } from '../paging.ts';
import { WAIT_HEADERS } from '../record-answer.ts';
import { PublicationRequest, RollbackRequest } from '../requests.ts';
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

const SerialParameter = z.strictObject({ serial: Serial });
const EVERY_CHANNEL = 'promote:<every published channel>';

export const PUBLICATION_ROUTES = [
  route({
    method: 'POST',
    path: '/api/v1/publications',
    name: 'createPublication',
    summary: 'Publishes now, and puts back what is missing in the tree',
    access: {
      shown: EVERY_CHANNEL,
      kinds: ['promote'],
      scopes: ({ api }) => promoteScopes('*', api.channels),
    },
    body: PublicationRequest.optional(),
    target: ({ api }) => api.treeName,
    answers: {
      202: { description: 'The task', view: TaskView, headers: { Location: 'The task' } },
    },
    async handle({ api }) {
      const task = await createTask(api.flow, api.messages, 'publish', {});
      return { status: 202, headers: { Location: taskPath(task.id) }, json: presentTask(task) };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/publications',
    name: 'listPublications',
    summary: 'Publications, newest first',
    access: READ,
    query: z.strictObject(PAGING),
    answers: { 200: { description: 'A page of publications', view: pageOf(PublicationView) } },
    async handle({ query, api }) {
      const { items, next } = await api.flow.catalog.publications.list(api.treeName, query);
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
    answers: { 200: { description: 'The publication', view: PublicationView } },
    faults: ['PUBLICATION_UNKNOWN'],
    async handle({ params: { serial }, api }) {
      const publication = await api.flow.catalog.publications.get(api.treeName, serial);
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
      scopes: ({ body, api }) => promoteScopes(body.channel ?? '*', api.channels),
    },
    params: SerialParameter,
    body: RollbackRequest,
    target: ({ params, body }) => `${body.channel ?? 'all channels'} to ${params.serial}`,
    headers: { ...IDEMPOTENCY_HEADERS, ...WAIT_HEADERS },
    answers: {
      202: { description: 'The promotion', view: PromotionView, headers: { Location: 'The promotion' } },
    },
    faults: [
      'PUBLICATION_UNKNOWN',
      'CHANNEL_UNKNOWN',
      'NAME_INVALID',
      'CONFLICT',
      'IDEMPOTENCY_KEY_REUSED',
      'TREE_INVALID',
    ],
    async handle(call) {
      const { flow, channels, tree } = call.api;
      call.body.repositories?.forEach(parseRepositoryName);
      const request = { serial: call.params.serial, ...call.body };
      const { promotion } = await acceptRollback(flow, channels, tree, request, requesterOf(call));
      return answerAccepted(call.api, promotion, call);
    },
  }),
];
