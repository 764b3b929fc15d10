import type { Response } from 'express';
import type { Answer } from '../route.ts';

/** Sends an answer. Express would add an ETag, a charset and its own idea of freshness, so it is sent by Node's means. */
export function sendAnswer(response: Response, { status, headers = {}, json, text }: Answer): void {
  response.statusCode = status;
  response.setHeader('Cache-Control', 'private, no-cache');
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (json === undefined && text === undefined) {
    response.end();
    return;
  }
  const body = text?.body ?? JSON.stringify(json);
  response.setHeader('Content-Type', text?.contentType ?? 'application/json');
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(body); // of a HEAD request Node leaves the body out
}
