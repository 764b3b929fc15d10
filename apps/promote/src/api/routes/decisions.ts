import { Fault, parseReference, quote } from '@gantry/oci';
import { decide, type DecisionRequest as Asked } from '@gantry/pipeline';
import type { z } from 'zod';
import { READ } from '../access.ts';
import type { Api } from '../api-options.ts';
import { DecisionRequest, SUBJECT_TYPES } from '../gate-requests.ts';
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
    faults: ['CHANNEL_UNKNOWN', 'NAME_INVALID', 'TAG_INVALID', 'DIGEST_INVALID', 'REQUEST_UNPROCESSABLE'],
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
  checkType(body.subject_type, 'subject_type');
  for (const [index, { type }] of subject.entries()) checkType(type, `subject[${index}].type`);
  const names = one === undefined ? subject.map(({ item }) => item) : [one];
  return { items: names.map(itemOf), to, verbose };
}

/** @throws Fault REQUEST_UNPROCESSABLE for what is no image: a yes to it would mean nothing */
function checkType(type: string | undefined, at: string): void {
  if (type === undefined || SUBJECT_TYPES.includes(type)) return;
  throw new Fault(
    'REQUEST_UNPROCESSABLE',
    `${at}: ${quote(type)} is not known here: ${SUBJECT_TYPES.join(', ')} are`,
    { at },
  );
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
