import type { CatalogTransfer } from '@gantry/catalog';
import { Fault } from '@gantry/oci';

/**
 * Refuses a catalog that services work on.
 * @param advice what else there is to do
 * @throws Fault CONFLICT, naming them
 */
export async function mustBeIdle(catalog: CatalogTransfer, advice: string): Promise<void> {
  const workers = await catalog.workers();
  if (workers.length === 0) return;
  const names = workers
    .slice(0, 5)
    .map(({ service, host, pid, expiresAt }) => `${service} on ${host}, process ${pid} (until ${expiresAt})`);
  const more = workers.length > names.length ? ` and ${workers.length - names.length} more` : '';
  throw new Fault(
    'CONFLICT',
    `the catalog ${catalog.name} is in use by ${names.join('; ')}${more}: stop them first; one that was killed counts until the time in brackets${advice}`,
    { catalog: catalog.name },
  );
}
