import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, digestOf } from '@gantry/oci';
import { layTree } from '@gantry/tree';
import {
  embeddedConfiguration,
  gantry,
  type Gantry,
  startGantry,
  writeConfiguration,
} from '../servers/gantry.ts';
import { freePort } from '../servers/free-port.ts';
import { startNginx } from '../servers/nginx.ts';
import { needs } from '../servers/parts.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** `crane.workers: 2`: two processes that answer, and one that guides them. */

const BLOB = Buffer.from('a layer');
const manifestOf = (version: string) =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: digestOf(BLOB),
        size: BLOB.length,
      },
      layers: [],
      annotations: { version },
    }),
  );

/** Nobody answers there: as the last resort a trusted mirror is named all the same. */
const lastResort = (name: string) => ({ name, url: `http://127.0.0.1:9/${name}`, trusted: true });

const withNginx = needs('nginx').showing(() => [crane]);
let folder: TemporaryFolder;
let crane: Gantry;
let configuration: Awaited<ReturnType<typeof embeddedConfiguration>>;
const withMirrors = (mirrors: readonly object[]) => ({
  crane: { ...configuration.crane, mirrors },
});

async function publish(): Promise<Digest> {
  const manifest = manifestOf(randomUUID());
  const digest = digestOf(manifest);
  await layTree(path.join(folder.path, 'data/tree'), {
    repositories: [
      { name: 'app', tags: new Map([['latest', digest]]), manifests: [manifest], blobs: [BLOB] },
    ],
  });
  return digest;
}

beforeAll(async () => {
  folder = await temporaryFolder('crane-workers');
  configuration = await embeddedConfiguration({
    crane: { workers: 2, serialFile: './data/serial', manifests: 'serve' },
  });
  await publish();
  crane = await startGantry({
    folder: folder.path,
    configuration: withMirrors([lastResort('first')]),
    service: 'crane',
  });
  // It answers when the first worker does; signals are heard when all do.
  await until('both workers', () => crane.log().match(/worker\.started/g)?.length === 2, {
    withinMs: 50_000,
  });
}, 90_000);
afterAll(async () => {
  await crane?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
}, 30_000);

/** The sum over all labels that hold `label`. */
async function metric(name: string, label = ''): Promise<number> {
  const text = await (await fetch(`${crane.admin}/metrics`)).text();
  const samples = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(label));
  return samples.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** The answers to forty requests, each on a connection of its own: whichever worker takes it. */
const askOften = (target: string) =>
  Promise.all(
    Array.from({ length: 40 }, async () => {
      const { status, headers } = await fetch(`http://${crane.crane}/v2/app/${target}`, {
        redirect: 'manual',
        headers: { connection: 'close' },
      });
      return headers.get('location') ?? headers.get('docker-content-digest') ?? String(status);
    }),
  );
const untilAllSay = (target: string, wanted: string) =>
  until(`all to say ${wanted}`, async () => (await askOften(target)).every((said) => said.includes(wanted)));
const blob = `blobs/${digestOf(BLOB)}`;

test('each worker serves a new serial, and the serial file has it', async () => {
  expect(await (await fetch(`${crane.admin}/readyz`)).json()).toEqual({
    status: 'ok',
    checks: { workers: 'ok', tree: 'ok' },
  });
  const digest = await publish();
  await untilAllSay('manifests/latest', digest);
  const { serial } = JSON.parse(await readFile(path.join(folder.path, 'data/serial'), 'utf8')) as {
    serial: number;
  };
  expect(serial).toBe(2);
  expect(await metric('gantry_crane_serial')).toBe(2);
});

test('what the workers have counted stands in one sum', async () => {
  const before = await metric('gantry_crane_requests_total', 'route="tags"');
  await askOften('tags/list');
  expect(await metric('gantry_crane_requests_total', 'route="tags"')).toBe(before + 40);
  expect(await metric('gantry_crane_workers')).toBe(2);
  expect(await metric('gantry_crane_worker_resident_memory_bytes')).toBeGreaterThan(0);
});

test('at SIGHUP all take other mirrors; a configuration that can not be used changes nothing and is counted once', async () => {
  await untilAllSay(blob, '/first/pool/');
  await writeConfiguration(folder.path, withMirrors([lastResort('second')]));
  process.kill(crane.pid, 'SIGHUP');
  await untilAllSay(blob, '/second/pool/');
  await writeConfiguration(folder.path, withMirrors([{ ...lastResort('third'), networks: ['nonsense'] }]));
  process.kill(crane.pid, 'SIGHUP');
  await until('the refusal', () => crane.log().includes('configuration.refused'));
  await untilAllSay(blob, '/second/pool/');
  expect(await metric('gantry_crane_reload_failures_total', 'reason="configuration"')).toBe(1);
});

withNginx.test(
  'what one process finds out of the mirrors all of them know, and a mirror is asked once for all',
  async () => {
    await using nginx = await startNginx({ root: path.join(folder.path, 'data/tree'), rules: true });
    const probes = async () =>
      (await nginx.requests()).filter(({ path: asked }) => asked === '/serial/current.json').length;
    await writeConfiguration(folder.path, withMirrors([{ name: 'real', url: nginx.url }]));
    process.kill(crane.pid, 'SIGHUP');
    await untilAllSay(blob, nginx.url);
    const [before, digest] = [await probes(), await publish()];
    await untilAllSay('manifests/latest', digest);
    await until('the probe of the new serial', async () => (await probes()) > before);
    expect(await probes()).toBeLessThanOrEqual(before + 2);
  },
);

test('an address that is taken is told as by a crane alone', async () => {
  await using other = await temporaryFolder('crane-workers');
  const { listen } = configuration.crane;
  const adminListen = `127.0.0.1:${await freePort()}`;
  await writeConfiguration(other.path, {
    crane: { listen, adminListen, tree: path.join(folder.path, 'data/tree'), mirrors: [], workers: 2 },
  });
  const { code, stderr } = await gantry(other.path, ['serve', 'crane']);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining(`can not listen on ${listen}: something else listens there`),
  });
});

test('one process of all services refuses to have workers', async () => {
  await using other = await temporaryFolder('crane-workers');
  await writeConfiguration(other.path, { crane: { ...configuration.crane, workers: 2 } });
  const { code, stderr } = await gantry(other.path, ['serve', 'all']);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('crane.workers is 2') });
});

test('a worker ends with the process that guides it', async () => {
  const workers = [...crane.log().matchAll(/"workerPid":(\d+),"msg":"worker\.started"/g)].map(([, pid]) =>
    Number(pid),
  );
  expect(workers).toHaveLength(2);
  await crane.kill('SIGKILL');
  await until('the workers to be gone', () => workers.every((pid) => !existsSync(`/proc/${pid}`)));
});
