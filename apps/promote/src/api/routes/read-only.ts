import { Fault } from '@gantry/oci';
import { ADMIN, READ } from '../access.ts';
import { ReadOnlyRequest } from '../requests.ts';
import { route } from '../route.ts';
import { presentReadOnly, ReadOnlyView } from '../views/read-only.ts';

export const READ_ONLY_ROUTES = [
  route({
    method: 'GET',
    path: '/api/v1/read-only',
    name: 'getReadOnly',
    summary: 'Whether changes are refused now',
    access: READ,
    answers: { 200: { description: 'Whether they are', view: ReadOnlyView } },
    async handle({ api }) {
      return { status: 200, json: presentReadOnly(await api.readOnly.state()) };
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/read-only',
    name: 'setReadOnly',
    summary: 'Has all processes refuse changes from now on, or take them again',
    access: ADMIN,
    evenReadOnly: true,
    body: ReadOnlyRequest,
    answers: { 200: { description: 'As it is now', view: ReadOnlyView } },
    faults: ['CONFLICT'],
    target: ({ body }) => (body.on ? 'on' : 'off'),
    async handle({ body: { on, reason }, api, caller }) {
      const { flow, readOnly } = api;
      if (readOnly.isConfigured) {
        throw new Fault(
          'CONFLICT',
          'api.readOnly is true in the configuration: change it there, and start the service again',
          { key: 'api.readOnly' },
        );
      }
      const mode = {
        on,
        ...(reason === undefined ? {} : { reason }),
        by: caller.name,
        at: flow.now().toISOString(),
      };
      await flow.catalog.modes.setReadOnly(mode);
      flow.log.warn({ on, reason, by: caller.name }, 'read_only.switched');
      return { status: 200, json: presentReadOnly(mode) };
    },
  }),
];
