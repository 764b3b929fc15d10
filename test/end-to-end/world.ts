import path from 'node:path';
import { fill, type Repository } from '../fixtures/build-registry.ts';
import { type DockerRegistry, startDockerRegistry } from '../servers/docker-registry.ts';
import { freePorts } from '../servers/free-port.ts';
import { embeddedConfiguration, type Gantry, startGantry } from '../servers/gantry.ts';
import { type Nginx, startNginx } from '../servers/nginx.ts';
import type { ServerProcess } from '../servers/process.ts';
import { run } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** The parts that a world is made of. */
export const WORLD_PARTS = ['docker-registry', 'nginx', 'rsync'] as const;

/**
 * The whole way from a build registry to the world:
 *
 *     docker-registry ──▶ gantry serve all ──▶ tree ──────────────▶ nginx with the shipped rules
 *                                               └──rsync -a──▶ copy ──▶ plain nginx
 *     gantry serve all's crane redirects to the first, a crane of its own (`plainCrane`) to the second.
 */
export interface World extends AsyncDisposable {
  readonly folder: string;
  readonly registry: DockerRegistry;
  readonly gantry: Gantry;
  /** A second crane on the same tree, whose only mirror is the plain one. */
  readonly plainCrane: Gantry;
  readonly ruledMirror: Nginx;
  readonly plainMirror: Nginx;
  readonly treeFolder: string;
  /** Copies the tree to the plain mirror, as an admin's cron job would. */
  readonly copyTree: () => Promise<void>;
  /** All of them, to show their logs. */
  readonly servers: readonly ServerProcess[];
}

/** The name of the only source. */
export const SOURCE = 'builds';

/** @param changed takes the place of what the configuration says otherwise: `channels`, for instance */
export async function openWorld(content: readonly Repository[], changed: object = {}): Promise<World> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await temporaryFolder('world')).path;
  const treeFolder = path.join(folder, 'data', 'tree');
  const copyFolder = path.join(folder, 'copy');
  const [ruledPort, plainPort] = (await freePorts(2)) as [number, number];

  const registry = opened.use(await startDockerRegistry());
  await fill(registry, content);
  const configuration = await embeddedConfiguration({
    sources: [
      {
        name: SOURCE,
        registry: registry.url,
        repositories: ['candidate/**'],
        rename: { from: '^candidate/', to: '' },
      },
    ],
    crane: { mirrors: [{ name: 'origin', url: `http://127.0.0.1:${ruledPort}`, trusted: true }] },
  });
  const ruledMirror = opened.use(await startNginx({ root: treeFolder, rules: true, port: ruledPort }));
  const plainMirror = opened.use(await startNginx({ root: copyFolder, rules: false, port: plainPort }));
  const gantry = opened.use(await startGantry({ folder, configuration: { ...configuration, ...changed } }));
  const { crane } = await embeddedConfiguration({
    crane: { tree: treeFolder, mirrors: [{ name: 'plain', url: `http://127.0.0.1:${plainPort}` }] },
  });
  const plainCrane = opened.use(
    await startGantry({ folder: path.join(folder, 'crane'), configuration: { crane }, service: 'crane' }),
  );

  const all = opened.move();
  return {
    folder,
    registry,
    gantry,
    plainCrane,
    ruledMirror,
    plainMirror,
    treeFolder,
    copyTree: async () => {
      await run('rsync', ['-a', '--modify-window=-1', `${treeFolder}/`, `${copyFolder}/`]);
    },
    servers: [registry, ruledMirror, plainMirror, gantry, plainCrane],
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Syncs everything and promotes tags of several repositories to a channel; anything but `done` is thrown. */
export async function release(
  { gantry }: Pick<World, 'gantry'>,
  to: string,
  items: readonly { repository: string; reference: string; tags?: readonly string[] }[],
): Promise<number> {
  const synced = await gantry.api.sync(SOURCE);
  if (synced.state !== 'done') throw new Error(`the sync ended ${JSON.stringify(synced)}`);
  const promoted = await gantry.api.promote(to, items);
  if (promoted.state !== 'done' || typeof promoted.serial !== 'number')
    throw new Error(`the promotion ended ${JSON.stringify(promoted)}`);
  return promoted.serial;
}

/** Asks a crane without following redirects. */
export function ask(crane: Gantry, place: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://${crane.crane}/v2/${place}`, { redirect: 'manual', ...init });
}

/** What a reference of a repository is at a crane: its digest, or the status when it is not there. A HEAD, so never a redirect. */
export async function published(
  crane: Gantry,
  repository: string,
  reference: string,
): Promise<string | number> {
  const response = await ask(crane, `${repository}/manifests/${reference}`, { method: 'HEAD' });
  return response.ok ? (response.headers.get('docker-content-digest') ?? 'no digest') : response.status;
}

/** Waits until the crane answers the place with that status: a crane sees a new serial within a second or so. */
export async function answered(crane: Gantry, place: string, status: number): Promise<Response> {
  return until(`${crane.name} to answer ${status} for ${place}`, async () => {
    const response = await ask(crane, place);
    if (response.status === status) return response;
    await response.body?.cancel();
    return undefined;
  });
}
