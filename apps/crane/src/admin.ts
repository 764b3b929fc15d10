import { createServer } from 'node:http';
import {
  adminListener,
  createAdminHandler,
  createMetrics,
  type Health,
  listen,
  type ListenAddress,
  type Metrics,
  type RunningServer,
  SERVER_LIMITS,
} from '@gantry/service';
import type { Counters } from './counters.ts';
import { addGauges, addTreeCheck, type CraneSight } from './monitoring.ts';
import { addRedirectJsonCheck, addRedirectJsonGauges } from './redirect-json/monitoring.ts';

/**
 * Health and figures of a crane, at `crane.adminListen`.
 * @param addMore adds what else is measured
 * @throws Fault CONFIGURATION_INVALID when it can't listen there
 */
export async function listenAdmin(
  address: ListenAddress,
  health: Health,
  counters: Counters,
  sight: CraneSight,
  addMore: (metrics: Metrics) => Metrics = (metrics) => metrics,
): Promise<RunningServer> {
  const { tree, redirectJson } = sight;
  addTreeCheck(health, tree, redirectJson !== undefined);
  const metrics = await createMetrics('crane');
  addGauges(metrics, sight);
  if (redirectJson !== undefined) {
    addRedirectJsonCheck(health, redirectJson);
    addRedirectJsonGauges(metrics, redirectJson);
  }
  const handler = createAdminHandler(health, addMore(counters.joinedTo(metrics)));
  return listen(createServer(SERVER_LIMITS, adminListener(handler)), address, 'crane.adminListen');
}
