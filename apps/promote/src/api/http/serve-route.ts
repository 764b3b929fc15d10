import type { Identity } from '@gantry/service';
import type { Request, RequestHandler, Response } from 'express';
import { admit, authorize } from '../access.ts';
import type { Api } from '../api-options.ts';
import type { Answer, Call, Route } from '../route.ts';
import { checkInput } from './check-input.ts';
import { exchangeOf } from './exchange.ts';
import { identifyCaller } from './identify-caller.ts';
import { readJsonBody } from './read-body.ts';
import { sendAnswer } from './send-answer.ts';
import { sendEvents } from './send-events.ts';

/** Express's handler of a route: who asks, what is asked, whether it may, and only then the work. */
export function serveRoute(route: Route, api: Api): RequestHandler {
  return async (request, response) => {
    const answered = await answer(route, api, request, response);
    if (answered.events === undefined) sendAnswer(response, answered);
    else await sendEvents(response, answered.events, api);
  };
}

async function answer(route: Route, api: Api, request: Request, response: Response): Promise<Answer> {
  const exchange = exchangeOf(response);
  exchange.route = route.path;
  const known = await identifyCaller(route, api, request);
  if (known !== undefined) exchange.caller = known.name;
  const caller = admit(route, known);
  const call = await readCall(route, api, caller, request, response);
  await authorize(route, call);
  return route.handle(call);
}

async function readCall(
  route: Route,
  api: Api,
  caller: Identity,
  request: Request,
  response: Response,
): Promise<Call> {
  return {
    params: checkInput(route.params, request.params, 'path'),
    query: route.query === undefined ? {} : checkInput(route.query, request.query, 'query'),
    body: route.body === undefined ? undefined : checkInput(route.body, await readJsonBody(request), 'body'),
    caller,
    api,
    header(name) {
      const value = request.headers[name];
      return typeof value === 'string' ? value : undefined;
    },
    gone() {
      const controller = new AbortController();
      response.once('close', () => controller.abort());
      return controller.signal;
    },
  };
}
