import { Fault } from '@gantry/oci';
import type { Identity, Scope } from '@gantry/service';
import { z } from 'zod';

const SCOPE_START = 'report:';

/** Which system speaks, as a parameter or a member of a body. */
export const ReportingSource = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$/, {
    error:
      'is not the name of a system that reports: letters, digits, ".", "_" and "-" are allowed, up to 128',
  })
  .exactOptional()
  .describe('Which system says so; absent: the only one that the token may report for');

/** Access for who reports; which scope a call needs is `reportScope`'s. */
export const REPORT = { shown: 'report:<source>', kinds: ['report'] } as const;

/** The scope that is needed to report for the system that is named, or else for the only one that the caller has. */
export function reportScope(caller: Identity, named: string | undefined): Scope {
  return `report:${reportingSource(caller, named)}`;
}

/** @throws Fault REQUEST_UNPROCESSABLE when none is named, and the token may speak for none or for several */
export function reportingSource({ scopes }: Identity, named: string | undefined): string {
  if (named !== undefined) return named;
  const own = scopes.flatMap((scope) =>
    scope.startsWith(SCOPE_START) ? scope.slice(SCOPE_START.length) : [],
  );
  const [only] = own;
  if (only !== undefined && own.length === 1) return only;
  throw new Fault(
    'REQUEST_UNPROCESSABLE',
    `source is missing: the token may report for ${own.length === 0 ? 'any system' : own.join(', ')}, so say for which`,
    { at: 'source' },
  );
}
