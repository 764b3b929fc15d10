import { Fault } from '@gantry/oci';
import type { StaticServer } from '@gantry/app-crane';
import type { Configuration } from '@gantry/service';

/**
 * What of a crane's configuration would be another thing without a crane.
 * @throws Fault CONFIGURATION_INVALID
 */
export function refuseUnsafe({ crane }: Configuration, server: StaticServer): void {
  if (crane.private !== undefined)
    throw refusal(
      'crane.private',
      'names what not everybody may pull, and an export answers everybody: run a crane, or export a tree of its own with a configuration without it',
    );
  if (crane.tls !== undefined && server === 'haproxy')
    throw refusal(
      'crane.tls',
      'asks for https, and the frontend that is written for HAProxy speaks none: export with a configuration without it, listening where a frontend of your own with a certificate sends to',
    );
}

/** A warning that names what the configuration switches on and no static server does; none where there is nothing. */
export function warningsOfLeftOut({ crane }: Configuration): string[] {
  const parts = [
    [crane.redirectJson.length > 0, 'crane.redirectJson'],
    [crane.catalog, 'crane.catalog'],
    [crane.search !== undefined, 'crane.search'],
    [crane.page, 'crane.page'],
    [crane.accessLog !== undefined, 'crane.accessLog'],
  ] as const;
  const names = parts.filter(([isSet]) => isSet).map(([, name]) => name);
  return names.length === 0 ? [] : [`left out, as a crane alone does it: ${names.join(', ')}`];
}

function refusal(key: string, why: string): Fault {
  return new Fault('CONFIGURATION_INVALID', `${key} ${why}`, { key });
}
