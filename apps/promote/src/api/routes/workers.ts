import type { Lease, Worker } from '@gantry/catalog';
import { z } from 'zod';
import { READ } from '../access.ts';
import { PAGING } from '../paging.ts';
import { route } from '../route.ts';
import { sortedPages } from '../sorted-page.ts';
import { pageOf } from '../views/named.ts';
import { LeaseView, presentLease, presentWorker, WorkerView } from '../views/worker.ts';

const workerPage = sortedPages<Worker>('workers', ({ service, startedAt, id }) => [service, startedAt, id]);
const leasePage = sortedPages<Lease>('leases', ({ name }) => [name]);

export const WORKER_ROUTES = [
  route({
    method: 'GET',
    path: '/api/v1/workers',
    name: 'listWorkers',
    summary: 'The processes that share the work now',
    access: READ,
    query: z.strictObject(PAGING),
    answers: {
      200: { description: 'A page of workers, by service and start', view: pageOf(WorkerView) },
    },
    async handle({ query, api }) {
      const { items, next } = workerPage(await api.flow.catalog.workers.list(), query);
      return { status: 200, json: { items: items.map(presentWorker), next } };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/leases',
    name: 'listLeases',
    summary: 'What must be single, and who has it now',
    access: READ,
    query: z.strictObject(PAGING),
    answers: { 200: { description: 'A page of leases in force, by name', view: pageOf(LeaseView) } },
    async handle({ query, api }) {
      const { items, next } = leasePage(await api.flow.catalog.leases.list(), query);
      return { status: 200, json: { items: items.map(presentLease), next } };
    },
  }),
];
