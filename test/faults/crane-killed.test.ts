import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { layTree } from '@gantry/tree';
import { type Fetch, fetchWhole, pullByHttp } from '../clients/pull-by-http.ts';
import { openSkopeo } from '../clients/skopeo.ts';
import { helloImage } from '../fixtures/build-registry.ts';
import { freePort } from '../servers/free-port.ts';
import { type Configuration, embeddedConfiguration, type Gantry, startGantry } from '../servers/gantry.ts';
import { startHaproxy } from '../servers/haproxy.ts';
import { type Nginx, startNginx } from '../servers/nginx.ts';
import { needs } from '../servers/parts.ts';
import type { ServerProcess } from '../servers/process.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';
import { SOAK } from './soak.ts';

/** Cranes and their workers are killed with SIGKILL while clients pull whole images. */

const PULLS = SOAK ? 600 : 60;
const KILLS = SOAK ? 20 : 2;
/** A worker that dies again and again is started later each time. */
const LIMIT_MS = SOAK ? 400_000 : 120_000;
const CLIENTS = 6;
const IMAGES = Array.from({ length: 8 }, (_, index) => {
  const name = `team/app-${index}`;
  return { name, made: helloImage(name) };
});

let folder: TemporaryFolder;
let mirror: Nginx;
let shown: ServerProcess[] = [];
const real = needs('nginx').showing(() => shown);
const withHaproxy = needs('nginx', 'haproxy', 'skopeo').showing(() => shown);

real.beforeAll(async () => {
  folder = await temporaryFolder('crane-killed');
  const tree = path.join(folder.path, 'tree');
  await layTree(tree, {
    repositories: IMAGES.map(({ name, made }) => ({
      name,
      tags: new Map([['latest', made.digest]]),
      manifests: [made.bytes],
      blobs: made.blobs.map(({ bytes }) => bytes),
    })),
  });
  mirror = await startNginx({ root: tree, rules: true });
}, 60_000);
real.afterAll(async () => {
  await mirror?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});
afterEach(() => {
  shown = [];
});

/** @param wanted is added to the crane's configuration */
async function craneConfiguration(wanted: object): Promise<Configuration> {
  const { crane } = await embeddedConfiguration({
    crane: {
      tree: path.join(folder.path, 'tree'),
      mirrors: [{ name: 'mirror', url: mirror.url, trusted: true }],
      ...wanted,
    },
  });
  return { crane };
}

const startCrane = (at: string, configuration: Configuration) =>
  startGantry({ folder: path.join(folder.path, at), configuration, service: 'crane' });

/** Has clients pull one image after the other until it is enough. */
function pullMeanwhile(
  pull: (name: string) => Promise<string>,
  isEnough: (pulls: number) => boolean,
  clients: number,
) {
  const failures: unknown[] = [];
  let pulls = 0;
  const client = async (first: number) => {
    for (let turn = first; !isEnough(pulls); turn++) {
      const { name, made } = IMAGES[turn % IMAGES.length] as (typeof IMAGES)[number];
      try {
        const digest = await pull(name);
        if (digest !== made.digest) throw new Error(`${name} came as ${digest}`);
      } catch (error) {
        failures.push(error);
      }
      pulls++;
    }
  };
  const done = Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
  return { failures, pulls: () => pulls, done };
}

/** Two cranes; a request that one of them leaves without an answer is put to the other. */
const balancer = (port: number, cranes: readonly Gantry[]) => `
defaults
    mode http
    option redispatch 1
    retries 3
    timeout connect 2s
    timeout client 60s
    timeout server 30s
    timeout check 5s
    default-server inter 100ms fall 2 rise 1
frontend pulls
    bind 127.0.0.1:${port}
    default_backend cranes
backend cranes
    balance roundrobin
    option httpchk GET /readyz
    retry-on conn-failure empty-response response-timeout
${cranes.map(({ crane, admin }, index) => `    server crane-${index} ${crane} check port ${new URL(admin).port}`).join('\n')}
`;

withHaproxy.test(
  'of two cranes behind HAProxy one is killed and started again: no pull fails',
  async () => {
    await using stack = new AsyncDisposableStack();
    const configurations = await Promise.all([craneConfiguration({}), craneConfiguration({})]);
    const start = async (which: number) => {
      const configuration = configurations[which] as Configuration;
      return stack.use(await startCrane(`crane-${which}`, configuration));
    };
    const cranes = await Promise.all([start(0), start(1)]);
    const port = await freePort();
    const file = path.join(folder.path, 'haproxy.cfg');
    await writeFile(file, balancer(port, cranes));
    const haproxy = stack.use(await startHaproxy([file], `http://127.0.0.1:${port}/v2/`));
    const skopeo = stack.use(await openSkopeo());
    shown = [haproxy, ...cranes];
    let kills = 0;
    const isEnough = (pulls: number) => kills >= KILLS && pulls >= PULLS;
    const pulling = pullMeanwhile(
      (name) => pullByHttp(`http://127.0.0.1:${port}`, name, 'latest'),
      isEnough,
      CLIENTS,
    );
    const copying = pullMeanwhile(
      async (name) => (await skopeo.pull(`127.0.0.1:${port}/${name}:latest`)).digest,
      () => isEnough(pulling.pulls()),
      1,
    );
    const ups = (which: number) =>
      haproxy.log().match(new RegExp(`Server cranes/crane-${which} is UP`, 'g'))?.length ?? 0;
    for (; kills < KILLS; kills++) {
      const which = kills % 2;
      const before = [pulling.pulls(), ups(which)] as const;
      await until('pulls by both', () => pulling.pulls() >= before[0] + 2 * CLIENTS);
      await cranes[which]?.kill('SIGKILL');
      await until('pulls by the other', () => pulling.pulls() >= before[0] + 4 * CLIENTS);
      cranes[which] = await start(which);
      await until('HAProxy to use it again', () => ups(which) > before[1]);
    }
    await Promise.all([pulling.done, copying.done]);
    expect([...pulling.failures, ...copying.failures]).toEqual([]);
    expect(pulling.pulls()).toBeGreaterThanOrEqual(PULLS);
    expect(copying.pulls()).toBeGreaterThan(0);
  },
  LIMIT_MS,
);

real.test(
  'of two workers one is killed and comes back: what it was answering is cut, the next try goes through, and the other goes on',
  async () => {
    await using crane = await startCrane('workers', await craneConfiguration({ workers: 2 }));
    shown = [crane];
    const url = `http://${crane.crane}`;
    let kills = 0;
    let cut = 0;
    const getTwice: Fetch = (address, init) =>
      fetchAlone(address, init).catch(() => {
        cut++;
        return fetchAlone(address, init);
      });
    const pulling = pullMeanwhile(
      (name) => pullByHttp(url, name, 'latest', getTwice),
      (pulls) => kills >= KILLS && pulls >= PULLS,
      CLIENTS,
    );
    for (; kills < KILLS; kills++) {
      const before = pulling.pulls();
      await until('pulls', () => pulling.pulls() >= before + 2 * CLIENTS);
      const [older] = await until('both workers to be told of', () => lastTwoWorkers(crane.log(), kills));
      process.kill(older, 'SIGKILL');
    }
    await pulling.done;
    expect(pulling.failures).toEqual([]);
    await until('the last one to be back', () => lastTwoWorkers(crane.log(), KILLS));
    // No more than what each client had under way at each kill.
    expect(cut).toBeLessThanOrEqual(KILLS * CLIENTS);
    const metrics = await (await fetch(`${crane.admin}/metrics`)).text();
    expect(metrics).toMatch(new RegExp(`gantry_crane_worker_restarts_total\\S* ${KILLS}\n`));
    expect(crane.log().match(/worker\.died/g)).toHaveLength(KILLS);
    expect(await crane.stop()).toEqual({ code: 0, signal: null });
  },
  LIMIT_MS,
);

/** On a connection of its own: one that is kept may be of the worker that was killed, and break a second time. */
const fetchAlone: Fetch = (url, init) => {
  const headers = new Headers(init?.headers);
  headers.set('connection', 'close');
  return fetchWhole(url, { ...init, headers });
};

/** The process ids of the two workers that run after so many kills, once the log tells of both: the older one first. */
function lastTwoWorkers(log: string, kills: number): readonly [number, number] | undefined {
  const started = [...log.matchAll(/"workerPid":(\d+),"msg":"worker\.started"/g)];
  const [older, younger] = started.slice(-2).map(([, pid]) => Number(pid));
  if (started.length !== kills + 2 || older === undefined || younger === undefined) return undefined;
  return [older, younger];
}
