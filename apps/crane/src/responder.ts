import type { IncomingMessage, ServerResponse } from 'node:http';
import { asFault } from '@gantry/oci';
import { LRUCache } from 'lru-cache';
import { type Answer, unavailable } from './answer.ts';
import {
  decide,
  decideUnnamed,
  type Lookup,
  type Method,
  type NamedRoute,
  type Site,
  WRONG_METHOD,
} from './decide.ts';
import { type Delivery, writeAnswer } from './deliver.ts';
import type { Count, Counts } from './counters.ts';
import type { CraneLogger } from './options.ts';
import type { Repositories } from './repositories.ts';
import { parseRoute, type Route } from './route.ts';

/** So many answers are kept ready, of each method. */
const MAX_READY = 16_384;

export interface ResponderOptions {
  readonly repositories: Repositories;
  readonly deliver: Delivery;
  readonly site: () => Site;
  readonly logger: CraneLogger;
  readonly counters: { readonly requests: Counts; readonly redirects: Counts };
}

/** Answers requests. */
export interface Responder {
  respond(request: IncomingMessage, response: ServerResponse): void;
  /** To be called at a new serial and at a change of a mirror: what is kept ready does not hold any more. */
  invalidate(): void;
}

/** An answer that was given before, with the counters that it moves. */
interface Ready {
  readonly answer: Answer;
  readonly requests: Count;
  readonly redirects: Count | undefined;
  readonly epoch: number;
}

/**
 * Parses, looks up, decides and sends. Answers for names and references that exist are kept by the request's target, so
 * that a repeated one costs a look-up: nobody can fill the cache with made-up names.
 */
export function createResponder(options: ResponderOptions): Responder {
  const { repositories, deliver, site, logger, counters } = options;
  const ready: Readonly<Record<Method, LRUCache<string, Ready>>> = {
    GET: new LRUCache({ max: MAX_READY }),
    HEAD: new LRUCache({ max: MAX_READY }),
  };
  let epoch = 0;

  const send = (request: IncomingMessage, response: ServerResponse, made: Ready): void => {
    const { answer } = made;
    const { body } = answer;
    if (body.from !== 'memory' || answer.etag !== undefined) {
      deliver(request, response, answer);
      return;
    }
    made.requests.value++;
    if (made.redirects !== undefined) made.redirects.value++;
    writeAnswer(response, answer, body.bytes);
  };

  const make = (answer: Answer, madeIn: number): Ready => ({
    answer,
    requests: counters.requests.with({ route: answer.route, status: String(answer.status) }),
    redirects: answer.mirror === undefined ? undefined : counters.redirects.with({ mirror: answer.mirror }),
    epoch: madeIn,
  });

  const answerNamed = (
    request: IncomingMessage,
    response: ServerResponse,
    { method, route, madeIn }: { method: Method; route: NamedRoute; madeIn: number },
    lookup: Lookup,
  ): void => {
    const made = make(decide(method, route, lookup, site()), madeIn);
    const target = request.url ?? '';
    // Queries and escapes let one thing be asked for in any number of ways.
    if (made.answer.repeatable === true && target.startsWith('/') && !/[?%]/.test(target)) {
      ready[method].set(target, made);
    }
    send(request, response, made);
  };

  const answer = (request: IncomingMessage, response: ServerResponse, method: Method): void => {
    const target = request.url ?? '';
    const kept = ready[method].get(target);
    if (kept !== undefined && kept.epoch === epoch) {
      send(request, response, kept);
      return;
    }
    const route = parseRoute(target);
    if (!isNamed(route)) {
      send(request, response, make(decideUnnamed(route), epoch));
      return;
    }
    const asked = { method, route, madeIn: epoch };
    const lookup = repositories.lookup(route.name);
    if (lookup instanceof Promise) {
      lookup
        .then((found) => answerNamed(request, response, asked, found))
        .catch((error: unknown) => fail(request, response, error));
    } else {
      answerNamed(request, response, asked, lookup);
    }
  };

  /** For defects: whatever happens, the client gets an answer and the process lives on. */
  const fail = (request: IncomingMessage, response: ServerResponse, error: unknown): void => {
    logger.error({ err: error }, `a request could not be answered: ${asFault(error).message}`);
    if (response.headersSent) response.destroy();
    else send(request, response, make(unavailable('refused', 'this can not be answered just now'), epoch));
  };

  return {
    respond(request, response) {
      try {
        const { method } = request;
        if (method === 'GET' || method === 'HEAD') {
          answer(request, response, method);
        } else {
          response.shouldKeepAlive = false; // its body is not waited for
          send(request, response, make(WRONG_METHOD, epoch));
        }
      } catch (error) {
        fail(request, response, error);
      }
    },
    invalidate() {
      epoch++;
    },
  };
}

function isNamed(route: Route): route is NamedRoute {
  return 'name' in route;
}
