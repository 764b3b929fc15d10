import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { asFault } from '@gantry/oci';
import { unavailable } from './answer.ts';
import {
  BAD_COUNT,
  decide,
  decideUnnamed,
  type Lookup,
  type Method,
  type NamedRoute,
  type Site,
  WRONG_METHOD,
} from './decide.ts';
import type { Catalog } from './catalog.ts';
import type { Clients } from './client/clients.ts';
import type { Delivery } from './deliver.ts';
import type { RareErrors } from './rare-errors.ts';
import type { Repositories } from './repositories.ts';
import type { History } from './history.ts';
import type { Page } from './page/page.ts';
import { parseRoute, type Route } from './route.ts';

export interface ResponderOptions {
  readonly repositories: Repositories;
  readonly history: History;
  /** Absent: which names there are is nobody's affair. */
  readonly catalog?: Catalog;
  /** Absent: there is none. */
  readonly page?: Page;
  readonly deliver: Delivery;
  readonly site: Site;
  readonly clients: Clients;
  readonly tellError: RareErrors;
}

/**
 * Answers requests: reads the target, looks the name up, decides, sends. No answer is kept for the next request of the
 * same target: to make one takes 2 µs, and to keep the working set of a busy crane in memory costs more than that.
 */
export function createResponder(options: ResponderOptions): RequestListener {
  const { repositories, history, catalog, page, deliver, site, clients, tellError } = options;

  const answer = (request: IncomingMessage, response: ServerResponse, method: Method): void => {
    const route = parseRoute(request.url ?? '');
    if (route.kind === 'catalog' && catalog !== undefined) {
      catalog.answer(route.query).then(
        (names) => deliver(request, response, names ?? BAD_COUNT),
        (error: unknown) => fail(request, response, error),
      );
      return;
    }
    if (route.kind === 'page' && page !== undefined) {
      page.answer(request, route.query).then(
        (shown) => deliver(request, response, shown),
        (error: unknown) => fail(request, response, error),
      );
      return;
    }
    if (!isNamed(route)) {
      deliver(request, response, decideUnnamed(route, site));
      return;
    }
    const lookup =
      route.kind === 'manifest' && route.serial !== undefined
        ? history.lookup(route.name, route.serial)
        : repositories.lookup(route.name);
    if (lookup instanceof Promise) void answerLater(request, response, { method, route, lookup });
    else deliver(request, response, decide(method, route, lookup, site, clients(request)));
  };

  const answerLater = async (
    request: IncomingMessage,
    response: ServerResponse,
    { method, route, lookup }: { method: Method; route: NamedRoute; lookup: Promise<Lookup> },
  ): Promise<void> => {
    try {
      deliver(request, response, decide(method, route, await lookup, site, clients(request)));
    } catch (error) {
      fail(request, response, error);
    }
  };

  /** For defects: whatever happens, the client gets an answer and the process lives on. */
  const fail = (request: IncomingMessage, response: ServerResponse, error: unknown): void => {
    tellError({ err: error }, `a request could not be answered: ${asFault(error).message}`);
    if (response.headersSent) response.destroy();
    else deliver(request, response, unavailable('refused', 'this can not be answered just now'));
  };

  return (request, response) => {
    try {
      const { method } = request;
      if (method === 'GET' || method === 'HEAD') {
        answer(request, response, method);
      } else {
        response.shouldKeepAlive = false; // its body is not waited for
        deliver(request, response, WRONG_METHOD);
      }
    } catch (error) {
      fail(request, response, error);
    }
  };
}

function isNamed(route: Route): route is NamedRoute {
  return 'name' in route;
}
