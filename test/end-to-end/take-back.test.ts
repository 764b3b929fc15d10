import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { referrersTag } from '@gantry/oci';
import { makeImage, makeIndex, makeLayer, makeSignature } from '@gantry/registry';
import { openCraneClient } from '../clients/crane.ts';
import type { Page, Problem, Work } from '../clients/gantry-api.ts';
import { CANDIDATES, helloImage, type Repository } from '../fixtures/build-registry.ts';
import { gantry } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { run } from '../servers/run.ts';
import { answered, openWorld, published, release, SOURCE, type World, WORLD_PARTS } from './world.ts';

/** What is taken back is gone for those who pull; what is purged is gone everywhere, and stays so. */
const KIT = fileURLToPath(new URL('../../scripts/mirror/gantry-mirror', import.meta.url));
const AMD64 = { os: 'linux', architecture: 'amd64' };
const secret = makeLayer([{ path: '/root/.ssh/id_rsa', content: 'a private key' }]);
const leaky = helloImage('leaky', { extra: secret });
const clean = helloImage('clean');
/** Its config says more than it should. */
const talkative = makeImage({
  platform: AMD64,
  layers: [makeLayer([{ path: '/hello', content: 'talkative amd64' }])],
  labels: { password: 'correct horse' },
});
const arm64 = helloImage('child', { platform: { os: 'linux', architecture: 'arm64' } });
const amd64 = helloImage('child');
const index = makeIndex([amd64, arm64]);
const signed = helloImage('signed');
const signature = makeSignature('leak/signed', signed);
const companion = `${referrersTag(signed.digest)}.sig`;

const repository = (name: string, tags: Record<string, typeof leaky>): Repository => ({
  name: `${CANDIDATES}${name}`,
  tags: new Map(Object.entries(tags)),
});
const content = [
  repository('leak/layer', { bad: leaky, good: clean }),
  repository('leak/copy', { bad: leaky }),
  repository('leak/config', { '1': talkative }),
  repository('leak/index', { '1': index, amd64 }),
  repository('leak/signed', { '1': signed, [companion]: signature }),
  repository('app', { '1': helloImage('app'), '2': helloImage('app, 2') }),
];
const CHANNELS = [
  { name: 'testing', prefix: 'testing/' },
  { name: 'stable' },
  { name: 'gated', prefix: 'gated/', gates: [{ wait: '1h', results: { testcases: ['smoke'] } }] },
];

let world: World;
const real = needs(...WORLD_PARTS, 'crane').showing(() => world?.servers ?? []);

real.beforeAll(async () => {
  world = await openWorld(content, { channels: CHANNELS });
  const items = content.flatMap(({ name, tags }) =>
    [...tags.keys()]
      .filter((tag) => tag !== companion)
      .map((reference) => ({ repository: name.slice(CANDIDATES.length), reference })),
  );
  await release(world, 'stable', items);
  await release(world, 'testing', items);
  await world.copyTree();
  await keepMirror(path.join(world.folder, 'kept'));
}, 90_000);

real.afterAll(async () => world?.[Symbol.asyncDispose](), 60_000);

const REASON = 'a private key is in it';

/** Purges a digest and waits for the end of that. */
async function purge(digest: string): Promise<{ readonly result: Readonly<Record<string, unknown>> }> {
  const { api } = world.gantry;
  const { status, body } = await api.call<Work>('POST', '/api/v1/purges', {
    body: { digest, reason: REASON },
  });
  expect(status).toBe(202);
  expect(await api.taskEnded(body.id)).toMatchObject({ state: 'done', errors: [] });
  const { body: told } = await api.call<Awaited<ReturnType<typeof purge>>>('GET', `/api/v1/purges/${digest}`);
  expect(told).toMatchObject({ digest, reason: REASON, by: 'tests', state: 'done' });
  return told;
}

/** A run of the mirror kit. */
const keepMirror = (mirror: string) => run('sh', [KIT, world.treeFolder, mirror]);

/** Nothing of a digest is on the disk: neither in the tree nor in the store, whole or in part. */
async function expectNoFile(digest: string, folder = path.join(world.folder, 'data')): Promise<void> {
  const hex = digest.slice('sha256:'.length);
  expect(await run('find', [folder, '-name', `*${hex}*`])).toBe('');
}

async function expectGone(name: string, ...references: string[]): Promise<void> {
  for (const reference of references)
    for (const prefix of ['', 'testing/'])
      await answered(world.gantry, `${prefix}${name}/manifests/${reference}`, 404);
}

async function expectPulled(name: string, reference: string, digest: string): Promise<void> {
  await using client = await openCraneClient();
  const separator = reference.startsWith('sha256:') ? '@' : ':';
  expect((await client.pull(`${world.gantry.crane}/${name}${separator}${reference}`)).digest).toBe(digest);
}

async function expectVerified(...where: string[]): Promise<void> {
  const verified = await gantry(world.folder, ['verify', ...where, '--deep']);
  expect([verified.code, verified.code === 0 ? '' : verified.stdout + verified.stderr]).toEqual([0, '']);
}

/** What a mirror does after each copy by rsync alone: the commands of docs/mirrors.md. */
async function takeAway(mirror: string): Promise<void> {
  const text = await readFile(fileURLToPath(new URL('../../docs/mirrors.md', import.meta.url)), 'utf8');
  const [, commands = ''] = /## What is taken away\n.*?```sh\n(.*?)```/s.exec(text) ?? [];
  expect(commands).toContain('/srv/mirror/gantry/');
  await run('sh', ['-euc', commands.replaceAll('/srv/mirror/gantry/', `${mirror}/`)]);
}

const syncProblems = async () =>
  ((await world.gantry.api.sync(SOURCE)).errors ?? []).map(({ item, problem }) => [
    item,
    problem.type,
    problem.detail,
  ]);

real.test(
  'a layer that is purged is gone with all images that hold it; others that share the rest pull whole',
  async () => {
    await expectPulled('leak/layer', 'bad', leaky.digest);
    const { result } = await purge(secret.digest);
    expect(result).toMatchObject({ manifests: 1, tagsTakenOut: 4, candidates: 2 });

    await expectGone('leak/layer', 'bad', leaky.digest);
    await expectGone('leak/copy', 'bad', leaky.digest);
    const blob = await answered(world.gantry, `leak/layer/blobs/${secret.digest}`, 404);
    expect(await blob.json()).toMatchObject({ errors: [{ code: 'BLOB_UNKNOWN' }] });
    for (const name of ['leak/layer', 'testing/leak/layer']) await expectPulled(name, 'good', clean.digest);
    await expectNoFile(secret.digest);
    await expectVerified(world.treeFolder);
  },
  60_000,
);

real.test(
  'mirrors that follow the lists lose it, too, and prove themselves against the tree',
  async () => {
    const [copy, kept] = [path.join(world.folder, 'copy'), path.join(world.folder, 'kept')];
    expect(await keepMirror(kept)).toContain('1 to delete');
    await expectNoFile(secret.digest, kept);
    await expectVerified(kept, '--against', world.treeFolder);

    await world.copyTree();
    const hex = secret.digest.slice('sha256:'.length);
    expect(await run('find', [copy, '-name', hex])).toContain(hex);
    await takeAway(copy);
    await expectNoFile(secret.digest, copy);
    await expectVerified(copy, '--against', world.treeFolder);
    const mirrored = await fetch(`${world.plainMirror.url}/pool/blobs/sha256/${hex.slice(0, 2)}/${hex}`);
    expect(mirrored.status).toBe(404);
  },
  60_000,
);

real.test(
  'a sync keeps it out and says why, and asks the build registry for nothing of it',
  async () => {
    const before = world.registry.requests().length;
    const why = `${leaky.digest} holds ${secret.digest}, which was purged by tests on `;
    const problems = await syncProblems();
    expect(problems.toSorted(([one = ''], [other = '']) => (one < other ? -1 : 1))).toEqual([
      ['leak/copy:bad', 'urn:gantry:problem:purged', expect.stringContaining(why)],
      ['leak/layer:bad', 'urn:gantry:problem:purged', expect.stringContaining(REASON)],
    ]);
    const asked = world.registry.requests().slice(before);
    expect(asked.filter((request) => /^GET \S+\/(?:manifests|blobs)\//.test(request))).toEqual([]);
    await expectNoFile(secret.digest);
    const { body } = await world.gantry.api.call<
      Page<{ tag: string; problem: Problem; retryAt: string | null }>
    >('GET', '/api/v1/failures');
    expect(body.items.map(({ tag, retryAt }) => [tag, retryAt])).toEqual([
      ['bad', null],
      ['bad', null],
    ]);
  },
  60_000,
);

real.test(
  'a config that is purged takes its image along',
  async () => {
    const [config] = talkative.blobs;
    await purge(config?.digest ?? '');
    await expectGone('leak/config', '1', talkative.digest);
    await expectNoFile(config?.digest ?? '');
    const all = await world.gantry.api.candidates();
    expect(JSON.stringify(all)).not.toContain('correct horse');
    await expectVerified(world.treeFolder);
  },
  60_000,
);

real.test(
  'a child that is purged takes its index along, and leaves the other platform to who pulls it by itself',
  async () => {
    await purge(arm64.digest);
    await expectGone('leak/index', '1', index.digest, arm64.digest);
    await expectPulled('leak/index', 'amd64', amd64.digest);
    await expectPulled('leak/index', amd64.digest, amd64.digest);
    await expectNoFile(arm64.digest);
    await expectVerified(world.treeFolder);
  },
  60_000,
);

real.test(
  'a signature that is purged leaves the image that it signs',
  async () => {
    expect(await published(world.gantry, 'leak/signed', companion)).toBe(signature.digest);
    await purge(signature.digest);
    await expectGone('leak/signed', companion, signature.digest);
    await expectPulled('leak/signed', '1', signed.digest);
    await expectNoFile(signature.digest);
    expect(await world.gantry.api.sync(SOURCE, ['leak/signed'])).toMatchObject({ state: 'done' });
    const candidates = (await world.gantry.api.candidates()).filter(
      (one) => one.repository === 'leak/signed',
    );
    expect(candidates.map(({ tag, companions }) => [tag, companions])).toContainEqual(['1', []]);
    await expectVerified(world.treeFolder);
  },
  60_000,
);

real.test(
  'a tag that is taken back is gone from that channel alone, and no promotion that waited brings it back',
  async () => {
    const { api } = world.gantry;
    const ask = (tag: string) =>
      api.call<Work>('POST', '/api/v1/promotions', {
        body: { to: 'gated', items: [{ repository: 'app', reference: tag, tags: ['current'] }] },
        headers: { 'Idempotency-Key': randomUUID() },
      });
    const pass = async (tag: string) => {
      const made = content.find(({ name }) => name === `${CANDIDATES}app`)?.tags.get(tag);
      const result = {
        digest: made?.digest,
        repository: 'app',
        testcase: 'smoke',
        outcome: 'PASSED',
        source: 'ci',
      };
      expect((await api.call('POST', '/api/v1/results', { body: result })).status).toBe(201);
    };
    const first = await ask('1');
    await pass('1');
    expect(await api.promotionEnded(first.body.id)).toMatchObject({ state: 'done' });
    expect(await published(world.gantry, 'gated/app', 'current')).not.toBe(404);

    const waiting = await ask('2');
    const taken = await api.call<Work>('DELETE', '/api/v1/channels/gated/tags?repository=app&tag=current', {
      headers: { Prefer: 'wait=30' },
    });
    expect([taken.status, taken.body.state]).toEqual([202, 'done']);
    await answered(world.gantry, 'gated/app/manifests/current', 404);
    expect(await published(world.gantry, 'app', '1')).not.toBe(404);

    await pass('2');
    const late = await api.promotionEnded(waiting.body.id);
    expect(late.state).toBe('done');
    expect(await published(world.gantry, 'gated/app', 'current')).toBe(404);
    const { body } = await api.call<Page<unknown>>('GET', '/api/v1/channels/gated/tags?repository=app');
    expect(body.items).toEqual([]);
    await expectVerified(world.treeFolder);
  },
  60_000,
);
