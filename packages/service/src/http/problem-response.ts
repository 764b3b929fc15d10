import type { ServerResponse } from 'node:http';
import { asFault, toProblem } from '@gantry/oci';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/**
 * Answers with the problem document (RFC 9457) of an error. What we did not foresee is not told to the caller: log it.
 * An answer that has begun is cut off, so that nobody takes it for whole.
 */
export function sendProblem(
  response: ServerResponse,
  error: unknown,
  extensions: Readonly<Record<string, unknown>> = {},
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const fault = asFault(error);
  const problem = { ...extensions, ...toProblem(fault) };
  if (fault.code === 'INTERNAL')
    problem.detail = 'something went wrong that should not have: see the log of the server';
  const body = Buffer.from(JSON.stringify(problem));
  response.statusCode = problem.status;
  response.setHeader('Content-Type', PROBLEM_MEDIA_TYPE);
  response.setHeader('Content-Length', body.length);
  response.setHeader('Cache-Control', 'no-store');
  if (problem.status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="gantry"');
  if (problem.status === 429 || problem.status === 503) {
    const { retryAfterSeconds } = fault.details;
    response.setHeader(
      'Retry-After',
      typeof retryAfterSeconds === 'number' ? Math.ceil(retryAfterSeconds) : 5,
    );
  }
  response.end(body); // of a HEAD request node:http leaves the body out
}
