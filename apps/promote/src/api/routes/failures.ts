import { z } from 'zod';
import { READ } from '../access.ts';
import { PAGING } from '../paging.ts';
import { route } from '../route.ts';
import { FailureView, presentFailure } from '../views/failure.ts';
import { pageOf } from '../views/named.ts';

export const FAILURE_ROUTES = [
  route({
    method: 'GET',
    path: '/api/v1/failures',
    name: 'listFailures',
    summary: 'What could not be synced, and when it is tried again',
    access: READ,
    query: z.strictObject({ source: z.string().max(128).exactOptional(), ...PAGING }),
    answers: {
      200: { description: 'A page of failures, by source, repository and tag', view: pageOf(FailureView) },
    },
    async handle({ query, api }) {
      const { items, next } = await api.flow.catalog.failures.list(query);
      return { status: 200, json: { items: items.map(presentFailure), next } };
    },
  }),
];
