import { once } from 'node:events';
import type { Response } from 'express';
import type { ApiOptions } from '../api-options.ts';
import type { Answer } from '../route.ts';
import { goneOf } from './gone.ts';

const HEARTBEAT_MS = 15_000;
/** How long a client waits before it asks again after the stream has ended too early. */
const RECONNECT_MS = 2000;

/**
 * Sends server-sent events (HTML, section 9.2), each with its id, until there are no more, the caller has gone or the
 * service stops. A failure cuts the stream off: the caller asks again, and is told what is wrong.
 * @param mayGoOn looked at with each sign of life; does not throw
 */
export async function sendEvents(
  response: Response,
  events: NonNullable<Answer['events']>,
  { stop, heartbeatMs = HEARTBEAT_MS }: Pick<ApiOptions, 'stop' | 'heartbeatMs'>,
  mayGoOn: () => Promise<boolean>,
): Promise<void> {
  response.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store',
    'X-Accel-Buffering': 'no', // nginx would keep them back
  });
  if (response.req.method === 'HEAD') {
    response.end();
    return;
  }
  const gone = goneOf(response);
  const revoked = new AbortController();
  const signal = AbortSignal.any([gone, revoked.signal, ...(stop === undefined ? [] : [stop])]);
  response.write(`retry: ${RECONNECT_MS}\n\n`);
  const heartbeat = setInterval(async () => {
    response.write(': \n\n');
    if (!(await mayGoOn())) revoked.abort();
  }, heartbeatMs);
  try {
    for await (const { id, data } of events(signal)) {
      // The id of an event may be another program's: it must not end its line.
      const isTaken = response.write(
        `id: ${id.replaceAll(/[\0\r\n]/g, '')}\ndata: ${JSON.stringify(data)}\n\n`,
      );
      if (!isTaken) await once(response, 'drain', { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearInterval(heartbeat);
  }
  response.end();
}
