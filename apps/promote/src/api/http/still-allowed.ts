import { asFault } from '@gantry/oci';
import type { Request } from 'express';
import { admit, authorize } from '../access.ts';
import type { Api } from '../api-options.ts';
import type { Route } from '../route.ts';
import type { Exchange } from './exchange.ts';
import { identifyCaller } from './identify-caller.ts';

/**
 * Whether who was let in once would be let in again: an answer that goes on for hours ends with the token that it was asked
 * for by. Who could tell and does not answer has not said no.
 */
export async function isStillAllowed(
  route: Route,
  api: Api,
  request: Request,
  { call }: Exchange,
): Promise<boolean> {
  try {
    const caller = admit(route, await identifyCaller(route, api, request));
    if (call !== undefined) await authorize(route, { ...call, caller });
    return true;
  } catch (error) {
    return !['UNAUTHORIZED', 'DENIED'].includes(asFault(error).code);
  }
}
