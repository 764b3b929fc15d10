import type { Response } from 'express';
import type { Call } from '../route.ts';

/** What is known of a request on its way, for its log line and its answer. */
export interface Exchange {
  readonly requestId: string;
  readonly startedMs: number;
  /** The path in the route table; absent: no route. */
  route?: string;
  /** The token's name. */
  caller?: string;
  /** What was asked, once it was read and is well formed. */
  call?: Call;
  /** What it was answered with a problem for. */
  error?: unknown;
}

/** Express keeps it with the answer. */
export function exchangeOf(response: Response): Exchange {
  return response.locals as Exchange;
}
