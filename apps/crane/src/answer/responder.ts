import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { asFault } from '@gantry/oci';
import { type Answer, unavailable } from './answer.ts';
import { decide, type Method } from './decide.ts';
import { decideUnnamed } from './decide-unnamed.ts';
import { MANY_HOSTS, WRONG_METHOD } from './refusals.ts';
import type { Site } from './site.ts';
import type { FoundManifest, Lookup } from '../repositories/repository.ts';
import type { Catalog } from './catalog.ts';
import { askingFor } from '../choose/asking-for.ts';
import type { Clients } from '../client/clients.ts';
import { takesManifestsOnTrust } from '../client/manifests-on-trust.ts';
import type { Delivery } from './deliver.ts';
import type { RareErrors } from '../rare-errors.ts';
import { rawHeader } from '../raw-header.ts';
import type { Repositories } from '../repositories/repositories.ts';
import type { History } from './history.ts';
import type { Page } from '../page/page.ts';
import { type Guard, nameOfNone } from '../private/guard.ts';
import { privateAnswer } from '../private/private-answer.ts';
import { ANYBODY, type Reader } from '../private/reader.ts';
import type { RedirectJson } from '../redirect-json/redirect-json.ts';
import { type NamedRoute, parseRoute, type Route } from './route.ts';
import { readHead } from './request-head.ts';
import { PING, type Search } from '../search/search.ts';
import type { SuitManifest } from './suited-manifest.ts';

export interface ResponderOptions {
  readonly repositories: Pick<Repositories, 'lookup'>;
  readonly history: History;
  /** Absent: which names there are is nobody's affair. */
  readonly catalog?: Catalog;
  /** Absent: there is none. */
  readonly page?: Page;
  /** Absent: nothing can be looked for. */
  readonly search?: Search;
  readonly suitManifest: SuitManifest;
  readonly deliver: Delivery;
  readonly site: Site;
  readonly clients: Clients;
  /** Absent: nothing is private. */
  readonly guard?: Guard;
  /** Tells of names that the tree does not have; absent: nothing does. */
  readonly redirectJson?: RedirectJson;
  readonly tellError: RareErrors;
}

/** One request, read. */
interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: Method;
  readonly route: Route;
}

/**
 * Answers requests: reads the target, looks the name up, decides, sends. No answer is kept for the next request of the
 * same target: to make one takes 2 µs, and to keep the working set of a busy crane in memory costs more than that.
 */
export function createResponder(options: ResponderOptions): RequestListener {
  const {
    repositories,
    history,
    catalog,
    page,
    search,
    deliver,
    site,
    clients,
    guard,
    redirectJson,
    suitManifest,
    tellError,
  } = options;

  const answer = (request: IncomingMessage, response: ServerResponse, method: Method): void => {
    const asked = { request, response, method, route: parseRoute(request.url as string) };
    const reader = guard === undefined ? ANYBODY : guard.reader(request);
    if (reader instanceof Promise) {
      const failed = (error: unknown) => fail(request, response, error);
      reader.then((known) => answerTo(known, asked)).catch(failed);
    } else answerTo(reader, asked);
  };

  const answerTo = (reader: Reader, asked: Asked): void => {
    const { request, response, route } = asked;
    const instead = reader.instead?.(route);
    if (instead !== undefined) deliver(request, response, instead);
    else if ('name' in route) answerNamed(reader, asked, route);
    else if (route.kind === 'catalog' && catalog !== undefined)
      deliverShown(asked, catalog.answer(route.query, reader));
    else if (route.kind === 'page' && page !== undefined)
      deliverShown(asked, page.answer(request, route.query, reader));
    else if (route.kind === 'search' && search !== undefined)
      deliverShown(asked, search.answer(route.query, reader));
    else if (route.kind === 'ping' && search !== undefined) deliver(request, response, PING);
    else if (!answeredByRedirectJson(reader, asked)) deliver(request, response, decideUnnamed(route, site));
  };

  /** Whether redirect JSON tells of what is asked for, and so has the answer. */
  const answeredByRedirectJson = (reader: Reader, asked: Asked): boolean => {
    const { request, response, route } = asked;
    const known = redirectJson?.answer(request, route, reader, clients(request).isHttps);
    if (known === undefined) return false;
    if (known instanceof Promise) deliverShown(asked, known);
    else deliver(request, response, sharedOrNot(known));
    return true;
  };

  /** What shows other names to one than to another. */
  const sharedOrNot = (shown: Answer): Answer => (guard === undefined ? shown : privateAnswer(shown));

  const deliverShown = ({ request, response }: Asked, shown: Promise<Answer>): void => {
    shown
      .then((made) => deliver(request, response, sharedOrNot(made)))
      .catch((error: unknown) => fail(request, response, error));
  };

  const answerNamed = (reader: Reader, asked: Asked, route: NamedRoute): void => {
    const name = reader.mayRead(route.name) ? route.name : nameOfNone(route.name);
    const lookup =
      route.kind === 'manifest' && route.serial !== undefined
        ? history.lookup(name, route.serial)
        : repositories.lookup(name);
    if (lookup instanceof Promise) void answerLater(reader, asked, route, lookup);
    else answerSuited(reader, asked, route, lookup);
  };

  const answerSuited = (reader: Reader, asked: Asked, route: NamedRoute, lookup: Lookup): void => {
    const suited =
      route.kind === 'manifest' ? suitManifest(route, lookup, asked.request.headers.accept) : undefined;
    if (suited === undefined) answerFound(reader, asked, route, lookup);
    else
      suited
        .then(({ repository, manifest }) => answerFound(reader, asked, route, repository, manifest))
        .catch((error: unknown) => fail(asked.request, asked.response, error));
  };

  const answerLater = async (
    reader: Reader,
    asked: Asked,
    route: NamedRoute,
    lookup: Promise<Lookup>,
  ): Promise<void> => {
    try {
      answerSuited(reader, asked, route, await lookup);
    } catch (error) {
      fail(asked.request, asked.response, error);
    }
  };

  const answerFound = (
    reader: Reader,
    asked: Asked,
    route: NamedRoute,
    lookup: Lookup,
    suited?: FoundManifest,
  ): void => {
    const { request, response, method } = asked;
    if (lookup.state === 'absent' && answeredByRedirectJson(reader, asked)) return;
    if (lookup.state === 'absent' && reader.atUnknown !== undefined) {
      deliver(request, response, reader.atUnknown(route));
      return;
    }
    const isPrivate = guard?.isPrivate(route.name) ?? false;
    const takesOnTrust = route.kind === 'manifest' && takesManifestsOnTrust(request.headers['user-agent']);
    const known = clients(request);
    const client = route.kind === 'blob' ? askingFor(rawHeader(request.rawHeaders, 'range'), known) : known;
    const decided = decide(method, route, lookup, site, client, {
      isPrivate,
      takesOnTrust,
      ifNoneMatch: request.headers['if-none-match'],
      suited,
    });
    deliver(request, response, isPrivate && lookup.state === 'known' ? privateAnswer(decided) : decided);
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
      const { hasManyHosts, hasBody } = readHead(request.rawHeaders);
      if (hasManyHosts || hasBody) response.shouldKeepAlive = false;
      if (hasManyHosts) {
        deliver(request, response, MANY_HOSTS);
      } else if (method === 'GET' || method === 'HEAD') {
        answer(request, response, method);
      } else {
        response.shouldKeepAlive = false; // its body is not waited for
        const posted = method === 'POST' ? redirectJson?.answerPost(request.url as string) : undefined;
        deliver(request, response, posted ?? WRONG_METHOD);
      }
    } catch (error) {
      fail(request, response, error);
    }
  };
}
