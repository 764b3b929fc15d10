import type { Lease, Worker } from '@gantry/catalog';
import { z } from 'zod';
import { named, Time, type View } from './named.ts';

export const WorkerView = named(
  'Worker',
  'A process that works on the catalog.',
  z.strictObject({
    id: z.string().describe('Its own for each start'),
    service: z.string().describe('`sync`, `promote` or `all`'),
    host: z.string(),
    pid: z.int(),
    version: z.string(),
    startedAt: Time,
    seenAt: Time.describe('When it was last heard of'),
    expiresAt: Time.describe('When it is taken for gone, unless it is heard of before'),
  }),
);

export const LeaseView = named(
  'Lease',
  'What must be single, and who has it now.',
  z.strictObject({
    name: z.string().describe('`publish:<tree>`, `task:<id>`, `schedule:<source>:<ms>`, …'),
    holder: z.string().describe('Host, process, and an id of this one hold'),
    fence: z.int().describe('Grows each time that the lease changes hands'),
    expiresAt: Time.describe('When another may take it, unless it is renewed before'),
  }),
);

export function presentWorker(worker: Worker): View<typeof WorkerView> {
  const { id, service, host, pid, version, startedAt, seenAt, expiresAt } = worker;
  return { id, service, host, pid, version, startedAt, seenAt, expiresAt };
}

export function presentLease({ name, holder, fence, expiresAt }: Lease): View<typeof LeaseView> {
  return { name, holder, fence, expiresAt };
}
