import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Digest, digestOf } from '@gantry/oci';
import { createInProcessRegistry, makeImage, makeIndex, makeLayer } from '@gantry/registry';
import { directoryTree, verifyTree } from '@gantry/tree';
import { embeddedConfiguration, type Gantry, startGantry } from '../servers/gantry.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { SOAK } from './soak.ts';

/** People pull all the while that the tree is published to, rolled back and collected: none of them may notice. */

const PUBLICATIONS = SOAK ? 200 : 40;
const VERSIONS = 8;
/** What leaves the tree leaves it so soon that collections delete in the midst of this; a slow pull takes less. */
const GRACE = '4s';
const SLOW_STEP_MS = 400;
const BASE = makeLayer([{ path: '/base', content: 'the same for all' }]);

function version(number: number) {
  const images = ['amd64', 'arm64'].map((architecture) =>
    makeImage({
      platform: { os: 'linux', architecture },
      layers: [BASE, makeLayer([{ path: '/version', content: `${number} for ${architecture}` }])],
    }),
  );
  return makeIndex(images);
}

interface Named {
  readonly digest: Digest;
}

/** Pulls a tag as clients do: what it means, and by digest all that this names. @throws for whatever is not as it should be */
async function pull(gantry: Gantry, tag: string, betweenMs: number): Promise<void> {
  const get = async (what: string, digest?: Digest): Promise<Buffer> => {
    const answer = await fetch(`http://${gantry.crane}/v2/team/app/${what}`);
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (answer.status !== 200)
      throw new Error(`${what}: ${answer.status} from ${answer.url}: ${bytes.toString('utf8', 0, 300)}`);
    if (digest !== undefined && digestOf(bytes) !== digest)
      throw new Error(`${what}: other bytes, from ${answer.url}`);
    if (betweenMs > 0) await pause(betweenMs);
    return bytes;
  };
  const index = JSON.parse((await get(`manifests/${tag}`)).toString()) as { manifests: readonly Named[] };
  for (const { digest } of index.manifests) {
    const manifest = JSON.parse((await get(`manifests/${digest}`, digest)).toString()) as {
      config: Named;
      layers: readonly Named[];
    };
    for (const blob of [manifest.config, ...manifest.layers]) await get(`blobs/${blob.digest}`, blob.digest);
  }
}

test(`not one pull fails while ${PUBLICATIONS} publications, rollbacks and collections go on`, async () => {
  await using folder = await temporaryFolder('readers');
  const registry = createInProcessRegistry();
  for (let number = 0; number < VERSIONS; number++) registry.push('team/app', version(number), `v${number}`);
  await using upstream = await registry.listen();
  const configuration = await embeddedConfiguration({
    sources: [{ name: 'builds', registry: upstream.url, repositories: ['team/app'] }],
  });
  const [treePort] = [new URL(`http://${configuration.crane.listen}`).port];
  await using gantry = await startGantry({
    folder: folder.path,
    configuration: {
      ...configuration,
      tree: {
        filesystem: { root: './data/tree' },
        listen: `127.0.0.2:${treePort}`,
        grace: GRACE,
        keepUntagged: GRACE,
        keepSnapshots: 4,
        keepSnapshotsFor: '1s',
      },
      gc: { grace: GRACE },
      crane: {
        ...configuration.crane,
        mirrors: [{ name: 'tree', url: `http://127.0.0.2:${treePort}`, trusted: true }],
      },
    },
  });
  const { api } = gantry;
  expect(await api.sync('builds')).toMatchObject({ state: 'done' });
  const promote = async (number: number) => {
    const item = {
      repository: 'team/app',
      reference: `v${number % VERSIONS}`,
      tags: ['latest', `n${number % 3}`],
    };
    const promoted = await api.promote('stable', [item]);
    expect(promoted).toMatchObject({ state: 'done' });
    return promoted.serial ?? 0;
  };
  let serial = await promote(0);

  const over = new AbortController();
  const failures: string[] = [];
  let pulls = 0;
  const removed: number[] = [];
  const read = async (tag: string, betweenMs: number) => {
    while (!over.signal.aborted) {
      await pull(gantry, tag, betweenMs).catch((error: unknown) => failures.push(String(error)));
      pulls++;
    }
  };
  const collect = async () => {
    while (!over.signal.aborted) {
      const { body } = await api.call<{ id: string }>('POST', '/api/v1/collections', { body: {} });
      const task = (await api.taskEnded(body.id)) as {
        state: string;
        result?: { trees?: { removed: { objects: number } }[] };
      };
      expect(task.state).toBe('done');
      removed.push(task.result?.trees?.[0]?.removed.objects ?? 0);
    }
  };
  const going = Promise.all([read('latest', 0), read('latest', 0), read('latest', SLOW_STEP_MS), collect()]);

  let rollbacks = 0;
  const answers = new Set<number>();
  // On until collections have deleted something in the midst of it.
  for (let number = 1; number <= PUBLICATIONS || !removed.some(Boolean); number++) {
    if (number % 5 !== 0) serial = await promote(number);
    else {
      const asked = await api.call<{ id: string }>('POST', `/api/v1/publications/${serial - 1}/rollback`, {
        body: { reason: 'a test' },
      });
      answers.add(asked.status);
      if (asked.status === 202) {
        rollbacks++;
        serial = (await api.promotionEnded(asked.body.id)).serial ?? serial;
      }
    }
  }
  over.abort();
  await going;
  expect(failures).toEqual([]);
  expect(pulls).toBeGreaterThan(PUBLICATIONS / 4);
  expect(answers.difference(new Set([202, 409]))).toEqual(new Set()); // nothing to change, or a serial that is kept no more
  expect(rollbacks).toBeGreaterThan(0);
  const verified = await verifyTree(directoryTree(path.join(folder.path, 'data/tree')), { deep: true });
  expect(verified).toMatchObject({ errors: 0 });
}, 600_000);
