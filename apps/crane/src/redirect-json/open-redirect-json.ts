import type { CraneCounts } from '../monitoring.ts';
import type { CraneOptions } from '../options.ts';
import { createRedirectJson, type RedirectJson } from './redirect-json.ts';

/** The redirect JSON of a crane; undefined: it is told of none. */
export function openRedirectJson(
  { redirectJson, compat = false, status, logger }: CraneOptions,
  { unreadableRedirectFiles: failures }: CraneCounts,
): RedirectJson | undefined {
  if (redirectJson === undefined) return undefined;
  return createRedirectJson({ ...redirectJson, compat, status }, { logger, failures });
}
