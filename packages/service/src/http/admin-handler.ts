import type { IncomingMessage, ServerResponse } from 'node:http';
import { Fault } from '@gantry/oci';
import type { Health, HealthReport } from '../health.ts';
import type { Metrics } from '../metrics.ts';
import { sendProblem } from './problem-response.ts';

/**
 * Answers `/healthz` (and `/livez`), `/readyz` and `/metrics`; true when the request was one of those. It may stand on
 * a port of its own, or before other routes.
 */
export type AdminHandler = (request: IncomingMessage, response: ServerResponse) => boolean;

/** The handler of what operators and their tools ask of a process. */
export function createAdminHandler(health: Health, metrics: Metrics): AdminHandler {
  const routes = new Map<string, () => Promise<Answer>>([
    ['/healthz', async () => healthAnswer(health.live())],
    ['/livez', async () => healthAnswer(health.live())],
    ['/readyz', async () => healthAnswer(await health.ready())],
    ['/metrics', async () => ({ status: 200, ...(await metrics.render()) })],
  ]);
  return (request, response) => {
    const route = routes.get((request.url ?? '').replace(/\?.*$/s, ''));
    if (route === undefined) return false;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      sendProblem(response, new Fault('UNSUPPORTED', `${request.method} is not possible here: GET is`));
      return true;
    }
    void send(response, route);
    return true;
  };
}

/** A listener for a port that has nothing else: all other paths are 404. */
export function adminListener(
  handler: AdminHandler,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    if (!handler(request, response)) {
      sendProblem(response, new Fault('ROUTE_UNKNOWN', 'there are /healthz, /readyz and /metrics'));
    }
  };
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

async function send(response: ServerResponse, route: () => Promise<Answer>): Promise<void> {
  try {
    const { status, contentType, body } = await route();
    response.setHeader('Content-Type', contentType);
    response.setHeader('Content-Length', Buffer.byteLength(body));
    response.setHeader('Cache-Control', 'no-store');
    response.writeHead(status).end(body);
  } catch (error) {
    sendProblem(response, error);
  }
}

function healthAnswer({ ok, checks }: HealthReport): Answer {
  const body = `${JSON.stringify({ status: ok ? 'ok' : 'unavailable', checks })}\n`;
  return { status: ok ? 200 : 503, contentType: 'application/json', body };
}
