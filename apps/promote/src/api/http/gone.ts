import type { ServerResponse } from 'node:http';

/** Aborted when nobody reads the answer any more, also when that was so before anybody asked: then no event tells of it. */
export function goneOf(response: ServerResponse): AbortSignal {
  if (response.closed) return AbortSignal.abort();
  const controller = new AbortController();
  response.once('close', () => controller.abort());
  return controller.signal;
}
