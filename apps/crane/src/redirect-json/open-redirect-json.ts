import type { CraneCounts } from '../monitoring.ts';
import type { CraneOptions } from '../options.ts';
import { createRedirectJson, type RedirectJson } from './redirect-json.ts';

/**
 * The redirect JSON of a crane; undefined: it is told of none.
 * @param isToldElsewhere another process reads the same files, and tells of what is wrong with them, and counts it
 */
export function openRedirectJson(
  { redirectJson, compat = false, status, name: publicName, logger }: CraneOptions,
  { unreadableRedirectFiles }: CraneCounts,
  isToldElsewhere = false,
): RedirectJson | undefined {
  if (redirectJson === undefined) return undefined;
  return createRedirectJson(
    { ...redirectJson, compat, status },
    isToldElsewhere
      ? {
          logger: { ...logger, info: () => undefined, warn: () => undefined },
          failures: { value: 0 },
          publicName,
        }
      : { logger, failures: unreadableRedirectFiles, publicName },
  );
}
