import { randomUUID } from 'node:crypto';

const WELL_FORMED = /^[\w.:+/=@-]{1,128}$/;

/** The caller's id of a request if it is fit for a log, else a new one. */
export function requestIdOf(header: string | undefined): string {
  return header !== undefined && WELL_FORMED.test(header) ? header : randomUUID();
}
