import { composeHaproxy } from './haproxy.ts';
import { composeNginx } from './nginx.ts';
import { readSite, type StaticOptions, type StaticPart } from './site.ts';

/** A server that redirects can be written for. */
export type StaticServer = 'nginx' | 'haproxy';

/**
 * The redirects of a crane, and what it answers itself as far as the server can, as configuration for that server.
 * `warnings` say what of the crane's configuration it can not do.
 * @throws Fault CONFIGURATION_INVALID for mirrors that can't be used or do not suffice; reading the parts throws what
 * reading the tree does
 */
export function composeStatic(
  server: StaticServer,
  options: StaticOptions,
): { readonly parts: AsyncIterable<StaticPart>; readonly warnings: readonly string[] } {
  const site = readSite(options, { serve: server === 'nginx' });
  return { parts: server === 'nginx' ? composeNginx(site) : composeHaproxy(site), warnings: site.warnings };
}
