import type { Identity } from '@gantry/service';
import type { Request } from 'express';
import type { Api } from '../api-options.ts';
import type { Route } from '../route.ts';
import { identifyByAnyScheme } from './any-scheme.ts';

/**
 * Who sends a request; undefined: nobody that is known.
 * @throws Fault UNAVAILABLE when who could tell does not answer
 */
export async function identifyCaller(
  route: Route,
  { authenticator }: Api,
  request: Request,
): Promise<Identity | undefined> {
  const { authorization } = request.headers;
  return route.anyScheme
    ? identifyByAnyScheme(authenticator, authorization)
    : authenticator.identify(authorization);
}
