import {
  makeImage,
  makeIndex,
  makeLayer,
  makeSbom,
  makeSignature,
  type MadeManifest,
} from '@gantry/registry';
import { openTree, verifyTree } from '@gantry/tree';
import type { Channel } from '../context.ts';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { openGates } from '../gate/open-gates.ts';
import { acceptPromotion } from './accept.ts';
import { acceptRollback, type RollbackRequest } from './rollback.ts';
import { runPromotion } from './run-promotion.ts';

const layer = (text: string) => makeLayer([{ path: 'a', content: text }]);
const image = (text: string) =>
  makeIndex([
    makeImage({ platform: { os: 'linux', architecture: 'amd64' }, layers: [layer('base'), layer(text)] }),
  ]);
const signatureTag = ({ digest }: MadeManifest) => `${digest.replace(':', '-')}.sig`;
const BOT = { name: 'bot' };

/** `app` with the tags 1, 2 and 3, and `web` with 1 and 2. */
async function openSynced(channels?: readonly Channel[]): Promise<FlowFixture> {
  const fixture = await (channels === undefined ? openFlow() : openFlow({}, channels));
  for (const tag of ['1', '2', '3']) fixture.upstream.push('app', image(tag), tag);
  for (const tag of ['1', '2']) fixture.upstream.push('web', image(`web ${tag}`), tag);
  await fixture.sync();
  return fixture;
}

async function promote(fixture: FlowFixture, to: string, item: string, ...tags: string[]): Promise<string> {
  const [repository = '', reference = ''] = item.split(':');
  const id = await fixture.promote({
    items: [{ repository, reference, ...(tags.length > 0 && { tags }) }],
    to,
  });
  await fixture.publisher.publishPending();
  return id;
}

async function accept({ flow, trees }: FlowFixture, request: RollbackRequest): Promise<string> {
  return (await acceptRollback(flow, trees, request, BOT)).promotion.id;
}

async function rollBack(fixture: FlowFixture, request: RollbackRequest) {
  const id = await accept(fixture, request);
  await runPromotion(fixture.flow, fixture.channels, id);
  await fixture.publisher.publishPending();
  return fixture.flow.catalog.promotions.get(id);
}

/** What the tags of a repository mean in the tree: `1` for `image('1')`. */
async function tagsIn({ treeSource }: FlowFixture, name: string, serial?: number) {
  const view = await openTree(treeSource, serial === undefined ? {} : { serial });
  return Object.fromEntries(
    [...((await view?.repository(name))?.tags ?? [])].map(([tag, digest]) => [
      tag,
      NAMES.get(digest) ?? digest,
    ]),
  );
}
const NAMES = new Map<string, string>(
  ['1', '2', '3', 'web 1', 'web 2'].map((text) => [image(text).digest, text]),
);

/** Two channels with `app` and `web` at 1, then at 2, with tags that are new: serials 1 to 4, and 5 to 8. */
async function openMoved(): Promise<FlowFixture> {
  const fixture = await openSynced();
  for (const tag of ['1', '2'])
    for (const to of ['testing', 'stable'])
      for (const repository of ['app', 'web'])
        await promote(fixture, to, `${repository}:${tag}`, tag, 'latest');
  return fixture;
}

const OLD = { app: { 1: '1', latest: '1' }, web: { 1: 'web 1', latest: 'web 1' } };
const NEW = {
  app: { 1: '1', 2: '2', latest: '2' },
  web: { 1: 'web 1', 2: 'web 2', latest: 'web 2' },
};

describe('a rollback', () => {
  test.each<[string, Omit<RollbackRequest, 'serial'>, readonly object[]]>([
    ['of all', {}, [OLD.app, OLD.web, OLD.app, OLD.web]],
    ['of one channel', { channel: 'stable' }, [NEW.app, NEW.web, OLD.app, OLD.web]],
    ['of one repository', { repositories: ['app'] }, [OLD.app, NEW.web, OLD.app, NEW.web]],
    ['of several repositories', { repositories: ['app', 'web'] }, [OLD.app, OLD.web, OLD.app, OLD.web]],
    [
      'of one repository of one channel',
      { channel: 'testing', repositories: ['web'] },
      [NEW.app, OLD.web, NEW.app, NEW.web],
    ],
  ])('%s puts back just that, takes newer tags away, and stays', async (_what, asked, expected) => {
    await using fixture = await openMoved();
    const done = await rollBack(fixture, { serial: 4, ...asked });
    expect(done).toMatchObject({ kind: 'rollback', state: 'done', serial: 9, to: asked.channel ?? '*' });
    const names = ['testing/app', 'testing/web', 'app', 'web'];
    const all = () => Promise.all(names.map((name) => tagsIn(fixture, name)));
    expect(await all()).toEqual(expected);
    await fixture.publisher.publishAll();
    await promote(fixture, 'release', 'app:1');
    expect(await all()).toEqual(expected);
    const { findings } = await verifyTree(fixture.treeSource, { nowMs: fixture.clock.getTime() });
    expect(findings).toEqual([]);
  });

  test('can be rolled back itself, and that too', async () => {
    await using fixture = await openMoved();
    await rollBack(fixture, { serial: 4 });
    expect(await tagsIn(fixture, 'app')).toEqual(OLD.app);
    await rollBack(fixture, { serial: 8 });
    expect(await tagsIn(fixture, 'app')).toEqual(NEW.app);
    expect(await tagsIn(fixture, 'testing/web')).toEqual(NEW.web);
    expect(await rollBack(fixture, { serial: 9, channel: 'stable' })).toMatchObject({ serial: 11 });
    expect(await tagsIn(fixture, 'app')).toEqual(OLD.app);
    expect(await tagsIn(fixture, 'testing/app')).toEqual(NEW.app);
  });

  test('takes away what was not there at all, and brings back what was taken out since', async () => {
    await using fixture = await openSynced();
    await promote(fixture, 'stable', 'app:1');
    await promote(fixture, 'stable', 'web:1');
    await rollBack(fixture, { serial: 1 });
    expect([await tagsIn(fixture, 'app'), await tagsIn(fixture, 'web')]).toEqual([{ 1: '1' }, {}]);
    await rollBack(fixture, { serial: 2 });
    expect(await tagsIn(fixture, 'web')).toEqual({ 1: 'web 1' });
  });

  test.each([
    [{ serial: 99 }, 'PUBLICATION_UNKNOWN', 'there is no publication 99'],
    [{ serial: 8 }, 'CONFLICT', 'nothing would change: testing, stable, release is as it was at serial 8'],
    [{ serial: 4, channel: 'nightly' }, 'CHANNEL_UNKNOWN', '"nightly"'],
    [{ serial: 4, channel: 'private' }, 'REQUEST_UNPROCESSABLE', 'private is kept out of every tree'],
    [
      { serial: 4, channel: 'release', repositories: ['app'] },
      'NAME_UNKNOWN',
      'app: no such repository in release',
    ],
    [{ serial: 4, repositories: ['app', 'db', 'mq'] }, 'NAME_UNKNOWN', 'db, mq: no such repository'],
    [
      { serial: 4, repositories: ['testing/app'] },
      'NAME_UNKNOWN',
      "published names are without the channel's prefix",
    ],
  ])('that can not be is refused by name: %j', async (request, code, message) => {
    await using fixture = await openMoved();
    await expect(rollBack(fixture, request)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
    expect(await tagsIn(fixture, 'app')).toEqual(NEW.app);
  });

  test('to a serial that is not kept whole any more is refused by name', async () => {
    await using fixture = await openMoved();
    const day = 86_400_000;
    const trees = [
      { ...fixture.tree, retention: { graceMs: 7 * day, keepSnapshots: 3, keepSnapshotsForMs: 2 * day } },
    ];
    const asked = (serial: number) => acceptRollback(fixture.flow, trees, { serial }, BOT);
    await expect(asked(7)).resolves.toMatchObject({ created: true });
    await expect(asked(1)).resolves.toMatchObject({ created: true }); // it is young
    fixture.clock = new Date(fixture.clock.getTime() + 2 * day);
    await expect(asked(6)).resolves.toMatchObject({ created: true }); // it is among the newest
    await expect(asked(5)).rejects.toMatchObject({
      code: 'CONFLICT',
      message:
        'the publication 5 is not kept whole any more, as only the newest 3 are, and those of the last 2d: roll back to a later one',
    });
  });
});

describe('what goes with an image', () => {
  test('is as it was at that serial: a moved signature goes back, and what came later goes away', async () => {
    await using fixture = await openSynced();
    const { upstream, flow } = fixture;
    const one = image('1');
    const [early, late] = [makeSignature('app', one), makeSignature('other', one)];
    const sbom = makeSbom(one, 'app');
    upstream.push('app', early, signatureTag(one));
    await fixture.sync();
    await promote(fixture, 'stable', 'app:1');
    upstream.push('app', late, signatureTag(one));
    upstream.push('app', sbom);
    await fixture.sync();
    await promote(fixture, 'stable', 'app:1');
    const document = async (serial?: number) =>
      (await openTree(fixture.treeSource, serial === undefined ? {} : { serial }))?.repository('app');
    const now = await document();
    expect(now?.tags.get(signatureTag(one))).toBe(late.digest);
    expect([...(now?.referrers.keys() ?? [])]).toEqual([one.digest]);

    const done = await rollBack(fixture, { serial: 1 });
    expect(done?.items).toMatchObject([
      { digest: one.digest, tags: ['1'], companions: [{ digest: early.digest }], referrers: [] },
    ]);
    const back = await document();
    expect(back?.tags).toEqual((await document(1))?.tags);
    expect(await flow.catalog.channels.tag('stable', 'app', '1')).toMatchObject({ referrers: [] });
    expect(back?.manifests.get(sbom.digest)?.untagged).toBeDefined();
    await fixture.publisher.publishAll();
    expect((await document())?.tags).toEqual(back?.tags);

    await rollBack(fixture, { serial: 2 });
    const again = await document();
    expect(again?.tags.get(signatureTag(one))).toBe(late.digest);
    expect(again?.manifests.get(sbom.digest)?.untagged).toBeUndefined();
    expect(await flow.catalog.channels.tag('stable', 'app', '1')).toMatchObject({ referrers: [sbom.digest] });
    const { findings } = await verifyTree(fixture.treeSource, { nowMs: fixture.clock.getTime() });
    expect(findings).toEqual([]);
  });
});

describe('promotions that were accepted before it', () => {
  test('and wait to be published come no more after it', async () => {
    await using fixture = await openSynced();
    await promote(fixture, 'stable', 'app:1', 'latest');
    await promote(fixture, 'stable', 'app:2', 'latest');
    const items = [
      { repository: 'app', reference: '3', tags: ['latest', '3'] },
      { repository: 'web', reference: '1' },
    ];
    const { promotion } = await acceptPromotion(fixture.flow, fixture.channels, { items, to: 'stable' }, BOT);
    const back = await accept(fixture, { serial: 1 });
    await runPromotion(fixture.flow, fixture.channels, back);
    await fixture.publisher.publishPending();
    await runPromotion(fixture.flow, fixture.channels, promotion.id);
    await fixture.publisher.publishPending();
    expect([await tagsIn(fixture, 'app'), await tagsIn(fixture, 'web')]).toEqual([{ latest: '1' }, {}]);
    await promote(fixture, 'stable', 'app:3', '3');
    expect(await tagsIn(fixture, 'app')).toEqual({ latest: '1', 3: '3' });
  });

  test('and wait for a gate come when it lets them pass', async () => {
    const gates = openGates([{ name: 'tests', waitMs: 3_600_000, results: { testcases: ['boot'] } }]);
    const channels = [
      { name: 'stable', prefix: '', publish: true },
      { name: 'gated', prefix: 'gated/', publish: true, gates },
    ];
    await using fixture = await openSynced(channels);
    await promote(fixture, 'stable', 'app:1', 'latest');
    await promote(fixture, 'stable', 'app:2', 'latest');
    const waiting = await fixture.promote({ items: [{ repository: 'app', reference: '3' }], to: 'gated' });
    expect(await fixture.flow.catalog.promotions.get(waiting)).toMatchObject({ state: 'gating' });
    const done = await rollBack(fixture, { serial: 1 });
    expect(done?.items.map(({ channel }) => channel)).toEqual(['stable']);
  });
});
