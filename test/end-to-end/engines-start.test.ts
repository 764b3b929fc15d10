import { freePort } from '../servers/free-port.ts';
import { type Configuration, gantry, GANTRY_BIN, writeConfiguration } from '../servers/gantry.ts';
import { startMongoJavaServer } from '../servers/mongo-java-server.ts';
import { needs } from '../servers/parts.ts';
import { startProcess } from '../servers/process.ts';
import { type Rabbitmq, startRabbitmq } from '../servers/rabbitmq.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';
import { startVersitygw, type Versitygw } from '../servers/versitygw.ts';
import { withoutGantry } from './engines-world.ts';

/** What a service does at its start when an engine is down, or refuses it. */
let folder: TemporaryFolder;
let broker: Rabbitmq;
let s3: Versitygw;
const real = needs('mongo-java-server', 'rabbitmq', 'versitygw').showing(() =>
  [broker, s3].filter((server) => server !== undefined),
);

real.beforeAll(async () => {
  [folder, broker, s3] = await Promise.all([temporaryFolder('start'), startRabbitmq(), startVersitygw()]);
}, 120_000);
real.afterAll(async () => {
  await broker?.[Symbol.asyncDispose]();
  await s3?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
}, 60_000);

real.test(
  'a service waits for a catalog that is not there yet, says so, and starts once it is',
  async () => {
    const [port, admin] = [await freePort(), await freePort()];
    const file = await writeConfiguration(folder.path, {
      catalog: { mongodb: { url: `mongodb://someone:hunter2@127.0.0.1:${port}/later?authMechanism=PLAIN` } },
    });
    const env = {
      ...withoutGantry(),
      GANTRY_CATALOG_MONGODB_URL: `mongodb://127.0.0.1:${port}/later`,
      GANTRY_MESSAGES_AMQP_URL: broker.url(),
      GANTRY_SYNC_ADMIN_LISTEN: `127.0.0.1:${admin}`,
    };
    await using service = await startProcess({
      name: 'gantry serve sync',
      command: process.execPath,
      args: [GANTRY_BIN, 'serve', 'sync', '--config', file],
      cwd: folder.path,
      env,
      ready: async (log) => log.includes('engine.waiting'),
      readyWithinMs: 90_000,
    });
    const lines = service.log().split('\n');
    const waiting = JSON.parse(lines.find((line) => line.includes('engine.waiting')) ?? '') as object;
    expect(waiting).toMatchObject({ level: 'warn', section: 'catalog', attempt: 1 });
    await using mongo = await startMongoJavaServer({ port });
    const { checks } = await until(
      `the service to be ready, with ${mongo.name} there`,
      async () => {
        const response = await fetch(`http://127.0.0.1:${admin}/readyz`);
        return response.ok && ((await response.json()) as { checks: object });
      },
      { withinMs: 60_000 },
    );
    expect(checks).toEqual({ catalog: 'ok', messages: 'ok', storage: 'ok' });
    expect(service.log()).toContain('engine.answers');
    expect(await service.stop()).toEqual({ code: 0, signal: null });
  },
  120_000,
);

const wrong: [string, () => Promise<Configuration>, RegExp][] = [
  [
    "a broker's password",
    async () => ({ messages: { amqp: { url: withPassword(broker.url(), 'hunter2') } } }),
    /127\.0\.0\.1:\d+.*(?:refuse|password|login)/i,
  ],
  [
    "a bucket's secret key",
    async () => {
      const { credentials, ...bucket } = await s3.makeBucket('wrong-key');
      return { storage: { s3: { ...bucket, ...credentials, secretAccessKey: 'hunter2' } } };
    },
    /the bucket "wrong-key".*the secret key does not belong to the access key/,
  ],
  [
    'a bucket',
    async () => {
      const { credentials, ...bucket } = await s3.makeBucket('there-is-one');
      return { tree: { s3: { ...bucket, ...credentials, bucket: 'there-is-none' } } };
    },
    /the bucket "there-is-none".*there is no such bucket/,
  ],
];

for (const [what, configuration, message] of wrong)
  real.test(
    `${what} that is wrong ends a service at once with 2: waiting mends nothing`,
    async () => {
      await writeConfiguration(folder.path, await configuration());
      const { code, stderr } = await gantry(folder.path, ['serve', 'promote'], {
        env: { GANTRY_API_LISTEN: `127.0.0.1:${await freePort()}` },
        timeoutMs: 40_000,
      });
      expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
      expect(stderr).not.toContain('engine.waiting');
      expect(stderr).not.toContain('hunter2');
      expect(stderr).not.toContain(s3.credentials.secretAccessKey);
    },
    60_000,
  );

real.test(
  'a crane beside a tree in a bucket is told to say where it reads it, before anything is opened',
  async () => {
    const file = await writeConfiguration(folder.path, { tree: { s3: { bucket: 'any', endpoint: s3.url } } });
    for (const service of ['crane', 'all']) {
      const { code, stderr } = await gantry(folder.path, ['serve', service]);
      expect([code, stderr]).toEqual([
        2,
        `gantry: ${file}:1:1: crane.tree is missing: the tree is in tree.s3, the bucket any, which the crane does not read by itself; write the http(s) address that the tree is served at\n`,
      ]);
    }
  },
  60_000,
);

function withPassword(url: string, password: string): string {
  const changed = new URL(url);
  changed.password = password;
  return changed.href;
}
