import type { Log } from '@gantry/pipeline';
import type { Metrics } from '@gantry/service';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { type Exchange, exchangeOf } from './exchange.ts';
import { requestIdOf } from './request-id.ts';
import { withoutTokens } from './without-tokens.ts';

const BUCKETS_SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60];

/** Gives every request its id, and one log line and its figures when it has ended. */
export function observe(log: Log, metrics: Metrics): RequestHandler {
  const requests = metrics.counter('gantry_api_requests_total', 'Requests to the API.', [
    'method',
    'route',
    'status',
  ]);
  const durations = metrics.histogram(
    'gantry_api_request_duration_seconds',
    'From the request to the end of its answer.',
    BUCKETS_SECONDS,
    ['route'],
  );
  return (request: Request, response: Response, next: NextFunction) => {
    const exchange: Exchange = Object.assign(exchangeOf(response), {
      requestId: requestIdOf(request.get('x-request-id')),
      startedMs: performance.now(),
    });
    const path = withoutTokens(request.path); // Express changes it while it routes
    response.setHeader('X-Request-Id', exchange.requestId);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.once('close', () => {
      const ms = performance.now() - exchange.startedMs;
      const route = exchange.route ?? 'none';
      const method = KNOWN_METHODS.has(request.method) ? request.method : 'other';
      requests.add(1, { method, route, status: String(response.statusCode) });
      durations.observe(ms / 1000, { route });
      logRequest(log, response, exchange, { method: request.method, path, ms });
    });
    next();
  };
}

/** Any others would be labels without bound. */
const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

function logRequest(
  log: Log,
  response: Response,
  exchange: Exchange,
  { method, path, ms }: { method: string; path: string; ms: number },
): void {
  const status = response.statusCode;
  const fields = {
    method,
    path,
    status,
    ms: Math.round(ms * 10) / 10,
    requestId: exchange.requestId,
    ...(exchange.caller === undefined ? {} : { caller: exchange.caller }),
    ...(response.writableFinished ? {} : { aborted: true }),
  };
  if (exchange.error !== undefined && status >= 500) log.error({ ...fields, err: exchange.error }, 'request');
  else if (isRoutine(exchange, response)) log.debug(fields, 'request');
  else log.info(fields, 'request');
}

/** Asked every few seconds, by machines that count for themselves: worth a line only where it fails. */
const PROBED = new Set(['/healthz', '/readyz', '/metrics']);

function isRoutine({ route }: Exchange, { statusCode, writableFinished }: Response): boolean {
  return route !== undefined && PROBED.has(route) && statusCode < 400 && writableFinished;
}
