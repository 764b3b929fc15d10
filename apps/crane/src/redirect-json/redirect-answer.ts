import { type Answer, NO_BODY } from '../answer/answer.ts';
import { html } from '../page/html.ts';

/** A redirect without a body. */
export function redirectAnswer(route: Answer['route'], url: string, status: 302 | 307): Answer {
  return { route, status, headers: ['Location', url, 'Content-Length', '0'], body: NO_BODY };
}

/** A redirect with a body for people, as Pulp's Crane sends it. */
export function linkAnswer(route: Answer['route'], url: string, headers: readonly string[] = []): Answer {
  const bytes = `${html`<!doctype html><title>Redirecting…</title><a href="${url}">${url}</a>`.toString()}\n`;
  return {
    route,
    status: 302,
    headers: [
      'Location',
      url,
      'Content-Type',
      'text/html; charset=utf-8',
      'Content-Length',
      String(Buffer.byteLength(bytes)),
      ...headers,
    ],
    body: { from: 'memory', bytes },
  };
}
