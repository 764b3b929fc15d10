import { createAuditLog, Room } from '@gantry/pipeline';
import { createOrigins } from '@gantry/service';
import express from 'express';
import { createReadOnly } from '../read-only.ts';
import { addSharedStateMetrics } from '../shared-state-metrics.ts';
import type { Api, ApiOptions } from './api-options.ts';
import { createCallerLimits } from './http/limit-callers.ts';
import { observe } from './http/observe.ts';
import { answerProblem, refuseMethod, refusePath } from './http/problems.ts';
import { serveRoute } from './http/serve-route.ts';
import { createLiveEvents } from './live-events.ts';
import { createTagSyncs } from './notifications/tag-syncs.ts';
import { serveTokens } from './pull-tokens/serve-tokens.ts';
import type { Method } from './route.ts';
import { EVENT_NOUNS } from './routes/events.ts';
import { ROUTES } from './route-table.ts';

/** Each asks gates, that may ask others, of up to a thousand images: who may only read must not flood those. */
const DECISIONS_AT_ONCE = 4;
const REGISTRARS = { GET: 'get', POST: 'post', DELETE: 'delete' } as const satisfies Record<Method, string>;

/**
 * The promote API as an Express application: every route of the table, checked and answered alike. Whatever goes wrong
 * is answered with a problem document. Whoever listens with it sets the server's time limits.
 */
export function createApi(options: ApiOptions): express.Express {
  const {
    flow,
    messages,
    metrics,
    log,
    liveReadersMax,
    isReadOnly = false,
    callerRate,
    trustedProxies = [],
  } = options;
  const api: Api = {
    ...options,
    readOnly: createReadOnly(flow.catalog.modes, isReadOnly),
    audit: createAuditLog(flow.catalog.audit),
    limits: createCallerLimits(callerRate),
    origins: createOrigins(() => trustedProxies),
    tagSyncs: createTagSyncs(flow, messages),
    decisions: new Room(DECISIONS_AT_ONCE),
    liveEvents: createLiveEvents(
      messages,
      EVENT_NOUNS,
      liveReadersMax === undefined ? {} : { readersMax: liveReadersMax },
    ),
  };
  addSharedStateMetrics(metrics, {
    catalog: flow.catalog,
    messages,
    readOnly: api.readOnly,
    mirrors: options.mirrors,
    log,
  });
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', 'simple');
  app.set('case sensitive routing', true);
  app.use(observe(options.log, options.metrics));
  for (const [path, routes] of Map.groupBy(ROUTES, (route) => route.path)) {
    const place = app.route(path.replaceAll(/\{(\w+)\}/g, ':$1'));
    for (const route of routes) place[REGISTRARS[route.method]](serveRoute(route, api));
    place.all(refuseMethod(routes.map(({ method }) => method)));
  }
  if (options.pullTokens !== undefined) {
    const answer = serveTokens(options.pullTokens, api);
    app
      .route('/token')
      .get(answer)
      .post(answer)
      .all(refuseMethod(['GET', 'POST']));
  }
  app.use(refusePath);
  app.use(answerProblem);
  return app;
}
