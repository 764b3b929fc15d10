import type { Identity } from '@gantry/service';
import type { Request, RequestHandler, Response } from 'express';
import { admit, authorize } from '../access.ts';
import type { Api } from '../api-options.ts';
import type { Answer, Call, Route } from '../route.ts';
import { checkInput } from './check-input.ts';
import { type Exchange, exchangeOf } from './exchange.ts';
import { goneOf } from './gone.ts';
import { identifyCaller } from './identify-caller.ts';
import { readJsonBody } from './read-body.ts';
import { recordOutcome } from './record-outcome.ts';
import { sendAnswer } from './send-answer.ts';
import { sendEvents } from './send-events.ts';
import { isStillAllowed } from './still-allowed.ts';

/** Express's handler of a route: who asks, what is asked, whether it may, and only then the work. */
export function serveRoute(route: Route, api: Api): RequestHandler {
  return async (request, response) => {
    const exchange = exchangeOf(response);
    exchange.route = route.path;
    const answered = await recordOutcome(route, api, exchange, request.params, () =>
      answer(route, api, request, response),
    );
    if (answered.events === undefined) sendAnswer(response, answered);
    else
      await sendEvents(response, answered.events, api, () => isStillAllowed(route, api, request, exchange));
  };
}

async function answer(route: Route, api: Api, request: Request, response: Response): Promise<Answer> {
  const exchange = exchangeOf(response);
  const caller = admit(route, await whoAsks(route, api, request, exchange));
  const mustBeWritable = route.changes && !route.evenReadOnly;
  if (mustBeWritable) await api.readOnly.mustBeOff();
  const call = await readCall(route, api, caller, request, response);
  exchange.call = call;
  await authorize(route, call);
  // A body may take minutes to come.
  if (mustBeWritable && route.body !== undefined) await api.readOnly.mustBeOff();
  return route.handle(call);
}

/** @throws Fault TOOMANYREQUESTS; UNAVAILABLE when who could tell does not answer */
async function whoAsks(
  route: Route,
  api: Api,
  request: Request,
  exchange: Exchange,
): Promise<Identity | undefined> {
  if (route.access === 'open') return undefined;
  const { authorization } = request.headers;
  const network = api.origins.networkOf(request);
  api.limits.beforeLook(network, authorization);
  const known = await identifyCaller(route, api, request);
  if (known === undefined) {
    if (authorization !== undefined) api.limits.ofUnknown(network);
    return undefined;
  }
  exchange.caller = known.name;
  api.limits.ofCaller(known.name);
  return known;
}

async function readCall(
  route: Route,
  api: Api,
  caller: Identity,
  request: Request,
  response: Response,
): Promise<Call> {
  const params = checkInput(route.params, request.params, 'path');
  const query = route.query === undefined ? {} : checkInput(route.query, request.query, 'query');
  const body = route.body === undefined ? undefined : await readJsonBody(request, route.bodyMaxBytes);
  return {
    params,
    query,
    body: route.body === undefined ? undefined : checkInput(route.body, body?.json, 'body'),
    bodyBytes: body?.bytes,
    caller,
    api,
    header(name) {
      const value = request.headers[name];
      return typeof value === 'string' ? value : undefined;
    },
    gone: () => goneOf(response),
  };
}
