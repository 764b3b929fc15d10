import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, digestOf } from '@gantry/oci';
import {
  makeImage,
  makeIndex,
  makeLayer,
  type MadeManifest,
  makeSbom,
  makeSignature,
} from '@gantry/registry';
import {
  blobPath,
  decodeReferrers,
  listPath,
  manifestPath,
  openTree,
  parseList,
  replay,
  verifyTree,
} from '@gantry/tree';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { acceptPromotion } from '../promote/accept.ts';
import { acceptRollback } from '../promote/rollback.ts';
import { runPromotion } from '../promote/run-promotion.ts';
import { createPublisher } from '../publish/publisher.ts';
import { ban, purge, REASON, takeOut } from './purge.fixture.ts';
import { findPurged, isNowhere } from './purge-steps.ts';

const secret = makeLayer([{ path: 'id_rsa', content: 'secret' }]);
const base = makeLayer([{ path: 'base', content: 'base' }]);
const layer = (text: string) => makeLayer([{ path: 'own', content: text }]);
const image = (text: string, architecture = 'amd64') =>
  makeImage({ platform: { os: 'linux', architecture }, layers: [base, layer(text)] });
const secondSecret = makeLayer([{ path: 'token', content: 'secret' }]);
const AMD64 = { os: 'linux', architecture: 'amd64' };
const leaky = makeImage({ platform: { os: 'linux', architecture: 'arm64' }, layers: [base, secret] });
/** Of two platforms, one of which holds the secret. */
const bad = makeIndex([image('bad'), leaky]);
const good = makeIndex([image('good')]);
const companionOf = ({ digest }: MadeManifest, suffix = '.sig') => `${digest.replace(':', '-')}${suffix}`;

/** `app` with a bad and a good tag, and `other` with the bad image alone, all in stable. */
async function openPublished(): Promise<FlowFixture> {
  const fixture = await openFlow();
  const { upstream } = fixture;
  upstream.push('app', bad, '1', 'latest');
  upstream.push('app', good, '2');
  upstream.push('app', makeSbom(bad, 'app'));
  upstream.push('app', makeSignature('app', good), companionOf(good));
  upstream.push('other', bad, '1');
  await fixture.sync();
  await publish(fixture, 'stable', 'app', '1', 'latest', '2');
  await publish(fixture, 'stable', 'other', '1');
  return fixture;
}
async function publish(fixture: FlowFixture, to: string, repository: string, ...tags: string[]) {
  const items = tags.map((reference) => ({ repository, reference }));
  const id = await fixture.promote({ items, to });
  await fixture.publisher.publishPending();
  return fixture.flow.catalog.promotions.get(id);
}
const view = async ({ treeSource }: FlowFixture) => {
  const opened = await openTree(treeSource);
  if (opened === undefined) throw new Error('there is no tree');
  return opened;
};
const tagsOf = async ({ flow }: FlowFixture, channel: string, repository: string) =>
  (await flow.catalog.channels.tagsOf(channel, repository)).map(({ tag }) => tag);
/** What is wrong with the tree. */
const findings = async (fixture: FlowFixture) =>
  (await verifyTree(fixture.treeSource, { deep: true, nowMs: fixture.clock.getTime() })).findings;
const isInTree = ({ root }: FlowFixture, path: string) => existsSync(join(root, 'tree', path));
const nowhere = async (fixture: FlowFixture, digest: Digest) => isNowhere(await findPurged(fixture, digest));

describe('a purge', () => {
  test('of a layer takes out all that needs it: tags, documents, object, candidates; and nothing else', async () => {
    await using fixture = await openPublished();
    const { flow } = fixture;
    expect(isInTree(fixture, blobPath(secret.digest))).toBe(true);

    const task = await purge(fixture, secret.digest);

    expect(task).toMatchObject({
      state: 'done',
      errors: [],
      progress: { tags: 3, blobs: 1, bytes: secret.size, expected: { tags: 3, blobs: 1 } },
    });
    expect(task.result).toMatchObject({
      manifests: 3,
      tagsTakenOut: 3,
      candidates: 3,
      objects: [blobPath(secret.digest)],
      serial: 3,
    });
    expect(await tagsOf(fixture, 'stable', 'app')).toEqual(['2']);
    expect(await tagsOf(fixture, 'stable', 'other')).toEqual([]);
    const tree = await view(fixture);
    const app = await tree.repository('app');
    expect([...(app?.tags.keys() ?? [])]).toEqual(['2', companionOf(good)].toSorted());
    for (const gone of [bad, leaky, makeSbom(bad, 'app')])
      expect(app?.manifests.has(gone.digest)).toBe(false);
    expect(app?.blobs.has(secret.digest)).toBe(false);
    expect(app?.blobs.has(base.digest)).toBe(true);
    expect(app?.manifests.get(image('bad').digest)?.untagged).toBe('2026-11-21T09:00:00Z');
    expect(app?.referrers.has(bad.digest)).toBe(false);
    // Its platform that is whole stays for a time, as of any image whose tag goes.
    expect((await tree.repository('other'))?.tags.size).toBe(0);
    expect(isInTree(fixture, blobPath(secret.digest))).toBe(false);
    expect(isInTree(fixture, blobPath(base.digest))).toBe(true);
    expect(await flow.store.stat(secret.digest)).toBeUndefined();
    expect((await flow.catalog.candidates.list({ limit: 10 })).items.map(({ tag }) => tag)).toEqual(['2']);
    expect(await flow.catalog.manifests.get(bad.digest)).toBeUndefined();
    expect(await flow.catalog.manifests.get(image('bad').digest)).toBeDefined();
    expect(await nowhere(fixture, secret.digest)).toBe(true);
    expect(await findings(fixture)).toEqual([]);
  });

  test('is told by the list of its serial, and the pool is what its lists say', async () => {
    await using fixture = await openPublished();
    await purge(fixture, secret.digest);
    const { serial } = (await view(fixture)).statement;
    const lists = await Promise.all(
      Array.from({ length: serial }, async (_, at) => {
        const path = listPath(at + 1);
        const bytes = await fixture.treeSource.read(path, 1_000_000);
        return { serial: at + 1, lines: parseList(bytes ?? Buffer.alloc(0), path) };
      }),
    );
    expect(lists.at(-1)?.lines.filter(({ op }) => op === '-')).toEqual([
      { op: '-', path: blobPath(secret.digest) },
    ]);
    const pool = await Array.fromAsync(fixture.flow.catalog.pool.list('main'));
    expect([...replay(lists).keys()].toSorted()).toEqual(pool.map(({ path }) => path));
  });

  test('is a promotion of its own, whose serial is the first without it', async () => {
    await using fixture = await openPublished();
    const { result } = await purge(fixture, secret.digest);
    const [id] = (result?.['promotions'] ?? []) as string[];
    const promotion = await fixture.flow.catalog.promotions.get(id ?? '');
    expect(promotion).toMatchObject({
      kind: 'purge',
      to: '*',
      state: 'done',
      serial: 3,
      requestedBy: 'admin',
      reason: REASON,
    });
    expect(promotion?.items.map(({ repository, tags }) => [repository, tags])).toEqual(
      expect.arrayContaining([
        ['app', ['1']],
        ['app', ['latest']],
        ['other', ['1']],
      ]),
    );
  });

  test('reaches channels that are not in the tree, and those that are not configured any more', async () => {
    await using fixture = await openPublished();
    await publish(fixture, 'private', 'app', '1');
    const { catalog } = fixture.flow;
    const [tag] = await catalog.channels.tagsOf('private', 'app');
    if (tag !== undefined) await catalog.channels.apply('former', 'app', [{ ...tag, channel: 'former' }], []);
    await purge(fixture, secret.digest);
    expect(await tagsOf(fixture, 'private', 'app')).toEqual([]);
    expect(await tagsOf(fixture, 'former', 'app')).toEqual([]);
  });

  test('reaches what no tag has named for long, and documents of a channel that is gone', async () => {
    await using fixture = await openPublished();
    await publish(fixture, 'testing', 'app', '1', '2');
    // The tag moves: the image stays as what is untagged.
    await fixture.promote({
      items: [{ repository: 'app', reference: '2', tags: ['1', 'latest'] }],
      to: 'stable',
    });
    await fixture.publisher.publishPending();
    expect(
      (await (await view(fixture)).repository('app'))?.manifests.get(leaky.digest)?.untagged,
    ).toBeDefined();
    const channels = fixture.channels.filter(({ name }) => name !== 'testing');
    const tree = { ...fixture.tree, channels };
    const without = { ...fixture, channels, tree, publishers: [createPublisher(fixture.flow, tree)] };

    await purge(without, secret.digest);

    const now = await view(fixture);
    for (const name of ['app', 'testing/app']) {
      const document = await now.repository(name);
      expect(document?.manifests.has(leaky.digest)).toBe(false);
      expect(document?.blobs.has(secret.digest)).toBe(false);
      expect(document?.tags.get('2')).toBe(good.digest);
    }
    expect(await findings(fixture)).toEqual([]);
  });

  test('of a signature leaves the image that it signs, without it', async () => {
    await using fixture = await openPublished();
    const signature = makeSignature('app', good);
    const before = await fixture.flow.catalog.channels.tag('stable', 'app', '2');
    const task = await purge(fixture, signature.digest);
    expect(task.result).toMatchObject({ tagsTakenOut: 0, tagsChanged: 1, candidates: 0 });
    const after = await fixture.flow.catalog.channels.tag('stable', 'app', '2');
    expect(after).toEqual({ ...before, companions: [] });
    expect((await fixture.flow.catalog.candidates.current('app', '2'))?.companions).toEqual([]);
    const app = await (await view(fixture)).repository('app');
    expect(app?.tags.has(companionOf(good))).toBe(false);
    expect(app?.tags.get('2')).toBe(good.digest);
    expect(isInTree(fixture, manifestPath('oci-manifest', signature.digest))).toBe(false);
    expect(await nowhere(fixture, signature.digest)).toBe(true);
    expect(await findings(fixture)).toEqual([]);
  });

  test('of one referrer leaves the others, also in a document that stays otherwise', async () => {
    await using fixture = await openFlow();
    const [one, two] = [makeSbom(good, 'one'), makeSbom(good, 'two')];
    fixture.upstream.push('app', good, '1');
    for (const sbom of [one, two]) fixture.upstream.push('app', sbom);
    await fixture.sync();
    for (const channel of ['stable', 'testing']) await publish(fixture, channel, 'app', '1');
    const channels = fixture.channels.filter(({ name }) => name !== 'testing');
    const tree = { ...fixture.tree, channels };
    await purge({ ...fixture, publishers: [createPublisher(fixture.flow, tree)] }, one.digest);
    const now = await view(fixture);
    for (const name of ['app', 'testing/app']) {
      const list = (await now.repository(name))?.referrers.get(good.digest);
      expect(decodeReferrers(await now.document(list as Digest)).map(({ digest }) => digest)).toEqual([
        two.digest,
      ]);
    }
    expect(await findings(fixture)).toEqual([]);
  });

  test('of what is unknown bans it, publishes nothing, and has an end', async () => {
    await using fixture = await openPublished();
    const task = await purge(fixture, digestOf('never seen'));
    expect(task).toMatchObject({ state: 'done', result: { manifests: 0, objects: [], tagsTakenOut: 0 } });
    expect((await view(fixture)).statement.serial).toBe(2);
  });

  test('without any publication makes none', async () => {
    await using fixture = await openFlow();
    fixture.upstream.push('app', bad, '1');
    await fixture.sync();
    expect((await purge(fixture, secret.digest)).state).toBe('done');
    expect(await fixture.tree.target.highestSerial()).toBe(0);
    expect((await fixture.flow.catalog.candidates.list({ limit: 10 })).items).toEqual([]);
  });

  test('that fails is tried again until it is done, and says meanwhile what is wrong', async () => {
    await using fixture = await openPublished();
    const broken = {
      ...fixture.publisher,
      takeOut: () => Promise.reject(new Error('the tree can not be written')),
    };
    const banned = await ban(fixture, secret.digest);
    const failed = await takeOut({ ...fixture, publishers: [broken] }, banned);
    expect(failed).toMatchObject({
      state: 'running',
      errors: [{ item: secret.digest, problem: { detail: 'the tree can not be written' } }],
    });
    const done = await takeOut(fixture, banned);
    expect(done).toMatchObject({ state: 'done', errors: [], result: { tagsTakenOut: 3, serial: 3 } });
  });
});

describe('what was purged', () => {
  test('refuses promotions that were accepted before, and names the purge', async () => {
    await using fixture = await openPublished();
    const { flow, channels } = fixture;
    const items = ['1', '2'].map((reference) => ({
      repository: 'app',
      reference,
      tags: [`new-${reference}`],
    }));
    const waiting = (await acceptPromotion(flow, channels, { items, to: 'testing' }, { name: 'ci' }))
      .promotion;
    const ready = await fixture.promote({ items, to: 'stable' });
    const atomic = await acceptPromotion(
      flow,
      channels,
      { items, to: 'testing', atomic: true },
      { name: 'ci' },
    );

    await purge(fixture, secret.digest);

    const problem = {
      type: 'urn:gantry:problem:purged',
      status: 410,
      digest: secret.digest,
      detail: `${bad.digest} holds ${secret.digest}, which was purged by admin on 2026-11-21 and is kept out: ${REASON}`,
    };
    const stateOf = (id: string) => flow.catalog.promotions.get(id);
    expect(await stateOf(waiting.id)).toMatchObject({
      state: 'queued',
      items: [{ state: 'refused', problem }, { state: 'accepted' }],
    });
    expect(await stateOf(atomic.promotion.id)).toMatchObject({ state: 'refused', items: [{ problem }, {}] });
    expect(await stateOf(ready)).toMatchObject({
      state: 'partial',
      serial: 3,
      items: [{ state: 'refused', problem }, { state: 'done' }],
    });
    await runPromotion(flow, channels, waiting.id);
    await fixture.publisher.publishPending();
    expect(await stateOf(waiting.id)).toMatchObject({ state: 'partial' });
    expect(await tagsOf(fixture, 'testing', 'app')).toEqual(['new-2']);
    expect(await tagsOf(fixture, 'stable', 'app')).toEqual(['2', 'new-2']);
  });

  test('is refused from the ban on, before any of it is taken out', async () => {
    await using fixture = await openPublished();
    await ban(fixture, secret.digest);
    const { flow, channels } = fixture;
    const { promotion } = await acceptPromotion(
      flow,
      channels,
      { items: [{ repository: 'app', reference: '1' }], to: 'testing' },
      { name: 'ci' },
    );
    expect(promotion).toMatchObject({
      state: 'refused',
      items: [{ problem: { type: 'urn:gantry:problem:purged' } }],
    });
  });

  test('does not come back by a rollback, which leaves the tag as it stands', async () => {
    await using fixture = await openPublished();
    const { flow, channels, trees } = fixture;
    await purge(fixture, secret.digest);
    await fixture.promote({ items: [{ repository: 'app', reference: '2', tags: ['1', '9'] }], to: 'stable' });
    await fixture.publisher.publishPending();
    const asked = { serial: 2, channel: 'stable', repositories: ['app'] };
    const { promotion } = await acceptRollback(flow, trees, asked, { name: 'ops' });
    await runPromotion(flow, channels, promotion.id);
    await fixture.publisher.publishPending();
    const ended = await flow.catalog.promotions.get(promotion.id);
    expect(ended?.state).toBe('partial');
    expect(ended?.items.find(({ digest }) => digest === bad.digest)).toMatchObject({
      state: 'refused',
      problem: { type: 'urn:gantry:problem:purged' },
    });
    expect(await tagsOf(fixture, 'stable', 'app')).toEqual(['1', '2']);
    expect(await findings(fixture)).toEqual([]);
  });

  test('is put back by no publisher that was stopped meanwhile, and wakes', async () => {
    await using fixture = await openFlow();
    fixture.upstream.push('app', bad, '1');
    await fixture.sync();
    await publish(fixture, 'stable', 'app', '1');
    fixture.upstream.push('next', makeImage({ platform: AMD64, layers: [secondSecret] }), '1');
    await fixture.sync();
    const id = await fixture.promote({ items: [{ repository: 'next', reference: '1' }], to: 'stable' });
    const { flow, tree } = fixture;
    const { leases } = flow.catalog;
    const path = blobPath(secondSecret.digest);
    // Over as soon as it is taken: the purge's publisher has it without a wait.
    const over: typeof leases = {
      ...leases,
      acquire: (name, by) => leases.acquire(name, by, 0),
      renew: (lease) => leases.renew(lease, 0),
    };
    const stopped = createPublisher(
      { ...flow, catalog: { ...flow.catalog, leases: over } },
      {
        ...tree,
        target: {
          ...tree.target,
          async putContent(object) {
            await tree.target.putContent(object);
            if (object.path !== path) return;
            const bytes = await readFile(join(fixture.root, 'tree', path));
            await purge(fixture, secondSecret.digest);
            expect(isInTree(fixture, path)).toBe(false);
            await writeFile(join(fixture.root, 'tree', path), bytes); // a copy that was on its way
          },
        },
      },
    );
    await expect(stopped.publishPending()).rejects.toMatchObject({ code: 'PURGED' });
    expect(isInTree(fixture, path)).toBe(false);
    expect(await flow.catalog.promotions.get(id)).toMatchObject({
      state: 'refused',
      items: [{ problem: { type: 'urn:gantry:problem:purged' } }],
    });
    // What else it had put is an orphan, until those are collected.
    const errors = (await findings(fixture)).filter(({ severity }) => severity === 'error');
    expect(errors).toEqual([]);
  });
});
