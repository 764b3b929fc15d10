import { Fault, parseReference } from '@gantry/oci';
import { decide, type DecisionRequest as Asked } from '@gantry/pipeline';
import type { z } from 'zod';
import { READ } from '../access.ts';
import type { Api } from '../api-options.ts';
import { DecisionRequest } from '../gate-requests.ts';
import { route } from '../route.ts';
import { DecisionView, presentDecision } from '../views/decision.ts';

/** How many wait while others are decided. */
const WAITING_MAX = 100;

export const DECISION_ROUTES = [
  route({
    method: 'POST',
    path: '/api/v1/decisions',
    name: 'decide',
    summary: "Asks a channel's gates of images, without promoting them; answers as Greenwave does",
    access: READ,
    changes: false,
    body: DecisionRequest,
    answers: { 200: { description: 'What the gates say', view: DecisionView } },
    faults: ['CHANNEL_UNKNOWN', 'NAME_INVALID', 'TAG_INVALID', 'DIGEST_INVALID'],
    async handle(call) {
      const { body, api } = call;
      const asked = askedFor(body);
      checkQueue(api);
      const gone = call.gone();
      const decision = await api.decisions.run(() => decide(api.flow, api.channels, asked, gone), gone);
      return { status: 200, json: presentDecision(decision, asked.verbose === true) };
    },
  }),
];

/** @throws Fault TOOMANYREQUESTS */
function checkQueue({ decisions }: Api): void {
  if (decisions.waiting < WAITING_MAX) return;
  throw new Fault('TOOMANYREQUESTS', `${WAITING_MAX} decisions wait here already: ask again later`);
}

/** Either form, in our words. */
function askedFor(body: z.output<typeof DecisionRequest>): Asked {
  if ('items' in body) return body;
  const { decision_context: to, subject_identifier: one, subject = [], verbose = false } = body;
  const names = one === undefined ? subject.map(({ item }) => item) : [one];
  return { items: names.map(itemOf), to, verbose };
}

/** @throws Fault NAME_INVALID, TAG_INVALID, DIGEST_INVALID */
function itemOf(name: string, index: number): Asked['items'][number] {
  try {
    const reference = parseReference(name);
    const { repository } = reference;
    return { repository, reference: 'tag' in reference ? reference.tag : reference.digest };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault(error.code, `subject[${index}]: ${error.message}`, error.details);
  }
}
