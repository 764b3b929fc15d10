import type { Plan } from '@gantry/catalog';
import { getPlan } from '@gantry/pipeline';
import { z } from 'zod';
import { READ } from '../access.ts';
import { matches } from '../record-answer.ts';
import { type Answer, route } from '../route.ts';
import { PlanView, presentPlan } from '../views/plan.ts';

export const PLAN_ROUTES = [
  route({
    method: 'GET',
    path: '/api/v1/plans/{id}',
    name: 'getPlan',
    summary: 'A plan that a dry run has made',
    access: READ,
    params: z.strictObject({ id: z.string().max(200) }),
    headers: { 'If-None-Match': 'The ETag of a former answer: 304, as plans do not change' },
    answers: {
      200: { description: 'The plan', view: PlanView, headers: { ETag: 'Of the plan' } },
      304: { description: 'It is known' },
    },
    faults: ['PLAN_UNKNOWN'],
    async handle(call) {
      return answerPlan(await getPlan(call.api.flow, call.params.id), call.header('if-none-match'));
    },
  }),
];

/** Answers with a plan. */
export function answerPlan(plan: Plan, ifNoneMatch?: string): Answer {
  const headers = { ETag: `"${plan.etag}"`, 'Content-Location': `/api/v1/plans/${plan.id}` };
  if (matches(ifNoneMatch, headers.ETag)) return { status: 304, headers };
  return { status: 200, headers, json: presentPlan(plan) };
}
