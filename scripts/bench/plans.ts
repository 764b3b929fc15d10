import path from 'node:path';
import { openCatalogTransfer } from '@gantry/catalog';
import { startService } from '../../test/end-to-end/engines-world.ts';
import { freePort } from '../../test/servers/free-port.ts';
import { ADMIN_TOKEN, writeConfiguration } from '../../test/servers/gantry.ts';
import { temporaryFolder } from '../../test/servers/temporary-folder.ts';
import { planEntries, planRequest } from './plan-content.ts';
import { besideAim, type Result } from './results.ts';

const ROUNDS = 5;
const TAGS = 10_000;
const AIM_S = 2;

/** A dry run over many tags of multi-architecture images, by the API, until the plan is kept and answered. */
export async function benchPlans({ tags = TAGS } = {}): Promise<Result[]> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await temporaryFolder('bench-plans')).path;
  const catalog = { sqlite: { file: path.join(folder, 'catalog.db') } };
  {
    await using filling = await openCatalogTransfer(catalog, 'target');
    await filling.load(planEntries(tags));
  }
  const listen = `127.0.0.1:${await freePort()}`;
  const file = await writeConfiguration(folder, {
    storage: { filesystem: { root: './store' } },
    tree: { filesystem: { root: './tree' } },
    catalog,
    channels: [{ name: 'stable' }],
    api: { listen, tokens: [{ name: 'bench', token: ADMIN_TOKEN, scopes: ['admin'] }] },
  });
  const quiet = { GANTRY_LOG_LEVEL: 'warn' };
  opened.use(await startService('promote', folder, file, quiet, `http://${listen}/readyz`));
  const body = JSON.stringify({ ...planRequest(tags), dryRun: true });
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    const response = await fetch(`http://${listen}/api/v1/promotions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body,
    });
    const answer = await response.text();
    times.push((performance.now() - began) / 1000);
    if (!response.ok) throw new Error(`${response.status} of the plan: ${answer.slice(0, 1000)}`);
  }
  return [besideAim(`a plan over ${tags} tags`, times, AIM_S)];
}
