import { asFault, Fault, quote } from '@gantry/oci';
import { sendProblem } from '@gantry/service';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { exchangeOf } from './exchange.ts';

const RETRY_AFTER_SECONDS = 5;

/** Answers a method that a path does not have. */
export function refuseMethod(methods: readonly string[]): RequestHandler {
  const allowed = methods.includes('GET')
    ? ['GET', 'HEAD', ...methods.filter((one) => one !== 'GET')]
    : methods;
  return (request, response) => {
    response.setHeader('Allow', allowed.join(', '));
    throw new Fault('UNSUPPORTED', `${request.method} is not possible here: ${allowed.join(', ')} is`);
  };
}

/** Answers a path that is not in the table. */
export function refusePath(request: Request): never {
  throw new Fault(
    'ROUTE_UNKNOWN',
    `there is no ${quote(request.path)}: what there is stands at /docs, and for programs at /openapi.json`,
  );
}

/** Answers whatever was thrown with its problem document. Express knows it by its four parameters. */
export function answerProblem(
  error: unknown,
  request: Request,
  response: Response,
  _next: NextFunction,
): void {
  const fault = toFault(error);
  exchangeOf(response).error = fault;
  if (fault.retry) response.setHeader('Retry-After', RETRY_AFTER_SECONDS);
  sendProblem(response, fault, { instance: request.path });
}

function toFault(error: unknown): Fault {
  if (error instanceof URIError) {
    return new Fault('REQUEST_INVALID', 'the path holds a "%" that stands for no character', { at: 'path' });
  }
  return asFault(error);
}
