import { makeImage, makeIndex, makeLayer, makeSbom, makeSignature } from '@gantry/registry';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { acceptPromotion } from './accept.ts';

const image = (text: string) =>
  makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [makeLayer([{ path: 'a', content: text }])],
  });

async function openSynced(): Promise<FlowFixture> {
  const fixture = await openFlow();
  fixture.upstream.push('app', image('1'), '1.0', 'latest');
  fixture.upstream.push('web', makeIndex([image('2')]), '2.0');
  await fixture.sync();
  return fixture;
}
const accept = (fixture: FlowFixture, request: Parameters<typeof acceptPromotion>[2], key?: string) =>
  acceptPromotion(fixture.flow, fixture.channels, request, {
    name: 'bot',
    ...(key === undefined ? {} : { idempotencyKey: key }),
  });
const get = async (fixture: FlowFixture, id: string) => {
  const promotion = await fixture.flow.catalog.promotions.get(id);
  if (promotion === undefined) throw new Error('no such promotion');
  return promotion;
};

describe('a promotion', () => {
  test('fixes a tag to its digest when it is accepted, whatever the tag does later', async () => {
    await using fixture = await openSynced();
    const { promotion } = await accept(fixture, {
      items: [{ repository: 'app', reference: '1.0' }],
      to: 'stable',
    });
    fixture.upstream.push('app', image('moved'), '1.0');
    await fixture.sync();
    await fixture.publisher.publishPending();
    expect(promotion.items[0]).toMatchObject({ digest: image('1').digest, tags: ['1.0'], state: 'accepted' });
  });

  test('refuses what it does not know by itself, and takes the rest', async () => {
    await using fixture = await openSynced();
    const items = [
      { repository: 'app', reference: '1.0' },
      { repository: 'app', reference: 'gone' },
    ];
    const id = await fixture.promote({ items, to: 'stable' });
    await fixture.publisher.publishPending();
    const promotion = await get(fixture, id);
    expect([promotion.state, promotion.items.map(({ state }) => state)]).toEqual([
      'partial',
      ['done', 'refused'],
    ]);
    expect(promotion.items[1]?.problem?.detail).toBe(
      'app:gone is not among the candidates: sync its source first, or see `gantry candidates`',
    );
  });

  test('that is atomic is refused whole', async () => {
    await using fixture = await openSynced();
    const items = [
      { repository: 'app', reference: '1.0' },
      { repository: 'app', reference: 'gone' },
    ];
    const { promotion } = await accept(fixture, { items, to: 'stable', atomic: true });
    expect([promotion.state, promotion.items.map(({ state }) => state)]).toEqual([
      'refused',
      ['refused', 'refused'],
    ]);
  });

  test('of a digest needs tags, and must be what a tag means', async () => {
    await using fixture = await openSynced();
    const { digest } = image('1');
    await expect(
      accept(fixture, { items: [{ repository: 'app', reference: digest }], to: 'stable' }),
    ).rejects.toMatchObject({
      code: 'REQUEST_UNPROCESSABLE',
      message: 'items[0]: a digest is promoted under tags: say which in tags',
    });
    const id = await fixture.promote({
      items: [{ repository: 'app', reference: digest, tags: ['a', 'b'] }],
      to: 'stable',
    });
    await fixture.publisher.publishPending();
    expect((await get(fixture, id)).state).toBe('done');
    const child = await accept(fixture, {
      items: [{ repository: 'web', reference: image('2').digest, tags: ['x'] }],
      to: 'stable',
    });
    expect(child.promotion.items[0]?.problem?.detail).toContain('promote the index, not one of its children');
  });

  test('takes from the channel that its channel comes from', async () => {
    await using fixture = await openSynced();
    const request = { items: [{ repository: 'app', reference: '1.0' }], to: 'release' };
    expect((await accept(fixture, request)).promotion.items[0]?.problem?.detail).toContain(
      'promote it to stable first',
    );
    await fixture.promote({ ...request, to: 'stable' });
    await fixture.publisher.publishPending();
    const id = await fixture.promote(request);
    await fixture.publisher.publishPending();
    expect((await get(fixture, id)).state).toBe('done');
  });

  test('that is asked for again with its key is the same one; with another body it is refused', async () => {
    await using fixture = await openSynced();
    const request = { items: [{ repository: 'app', reference: '1.0' }], to: 'stable' };
    const all = await Promise.all(Array.from({ length: 50 }, () => accept(fixture, request, 'k')));
    expect(new Set(all.map(({ promotion }) => promotion.id)).size).toBe(1);
    expect(all.filter(({ created }) => created)).toHaveLength(1);
    await expect(accept(fixture, { ...request, to: 'testing' }, 'k')).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  test.each([
    [{ items: [], to: 'stable' }, 'REQUEST_UNPROCESSABLE'],
    [{ items: [{ repository: 'app', reference: '1.0' }], to: 'nowhere' }, 'CHANNEL_UNKNOWN'],
    [{ items: [{ repository: 'App', reference: '1.0' }], to: 'stable' }, 'NAME_INVALID'],
    [{ items: [{ repository: 'app', reference: 'sha256:x' }], to: 'stable' }, 'DIGEST_INVALID'],
    [{ items: [{ repository: 'app', reference: '1.0', tags: ['-x'] }], to: 'stable' }, 'TAG_INVALID'],
    [
      {
        items: [
          { repository: 'app', reference: '1.0', tags: ['x'] },
          { repository: 'app', reference: 'latest', tags: ['x'] },
        ],
        to: 'stable',
      },
      'REQUEST_UNPROCESSABLE',
    ],
  ])('%j is refused: %s', async (request, code) => {
    await using fixture = await openSynced();
    await expect(accept(fixture, request)).rejects.toMatchObject({ code });
  });

  test('whose content was lost from the store fails, naming it, and publishes nothing', async () => {
    await using fixture = await openSynced();
    const lost = image('1').blobs[1];
    if (lost !== undefined) await fixture.flow.store.delete(lost.digest);
    const id = await fixture.promote({ items: [{ repository: 'app', reference: '1.0' }], to: 'stable' });
    await fixture.publisher.publishPending();
    const promotion = await get(fixture, id);
    expect([promotion.state, promotion.items[0]?.problem?.detail]).toEqual([
      'failed',
      expect.stringContaining(`${lost?.digest} of app`),
    ]);
    expect(await fixture.tree.target.highestSerial()).toBe(0);
  });

  test('carries referrers, signatures and companion tags into the channel', async () => {
    await using fixture = await openFlow();
    const app = image('1');
    const [sbom, signature] = [makeSbom(app, 'app'), makeSignature('app', app)];
    const companion = `${app.digest.replace(':', '-')}.sig`;
    fixture.upstream.push('app', app, '1.0');
    fixture.upstream.push('app', sbom);
    fixture.upstream.push('app', signature, companion);
    await fixture.sync();
    await fixture.promote({
      items: [{ repository: 'app', reference: '1.0', tags: ['stable'] }],
      to: 'stable',
    });
    await fixture.publisher.publishPending();
    const tag = await fixture.flow.catalog.channels.tag('stable', 'app', 'stable');
    expect(tag?.referrers).toContain(sbom.digest);
    expect(tag?.companions).toEqual([{ tag: companion, digest: signature.digest }]);
  });
});
