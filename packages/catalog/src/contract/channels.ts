import type { CatalogPlace } from '../catalog.contract.ts';
import type { ChannelTag } from '../index.ts';
import { allPages, channelTag, digest, refusesBadPages, time } from './samples.ts';

export function channelsContract(open: () => Promise<CatalogPlace>): void {
  test('apply sets and removes tags; one that is in both is set', async () => {
    await using place = await open();
    const { channels } = await place.connect();
    const [a, b, c] = ['a', 'b', 'c'].map((tag) => channelTag({ tag }));
    if (a === undefined || b === undefined || c === undefined) throw new Error('three tags');
    await channels.apply('stable', 'app', [a, b], []);
    expect(await channels.tagsOf('stable', 'app')).toEqual([a, b]);
    const moved = { ...b, digest: digest('two'), promotion: 'p2' };
    await channels.apply('stable', 'app', [moved, c], ['a', 'b', 'unknown']);
    expect(await channels.tagsOf('stable', 'app')).toEqual([moved, c]);
    expect(await channels.tag('stable', 'app', 'a')).toBeUndefined();
    expect(await channels.tag('stable', 'app', 'b')).toEqual(moved);
  });

  test('who was followed by another in a lease writes nothing under it any more', async () => {
    await using place = await open();
    const { channels, leases } = await place.connect();
    const [a, b, c] = ['a', 'b', 'c'].map((tag) => channelTag({ tag }));
    if (a === undefined || b === undefined || c === undefined) throw new Error('three tags');
    const ALREADY_OVER = 0;
    const former = await leases.acquire('publish', 'one', ALREADY_OVER);
    const latter = await leases.acquire('publish', 'two', ALREADY_OVER);
    if (former === undefined || latter === undefined) throw new Error('the lease was not given');
    await channels.apply('stable', 'app', [a], [], latter);
    await expect(channels.apply('stable', 'app', [b], ['a'], former)).rejects.toMatchObject({
      code: 'LEASE_LOST',
    });
    expect(await channels.tagsOf('stable', 'app')).toEqual([a]);
    await channels.apply('stable', 'app', [b], [], latter);
    await channels.apply('stable', 'app', [c], []); // by whom no lease holds
    expect(await channels.tagsOf('stable', 'app')).toEqual([a, b, c]);
  });

  test('channels and repositories are apart', async () => {
    await using place = await open();
    const { channels } = await place.connect();
    await channels.apply('stable', 'app', [channelTag()], []);
    await channels.apply('testing', 'app', [channelTag({ channel: 'testing' })], []);
    await channels.apply('testing', 'app', [], ['latest']);
    expect(await channels.tagsOf('stable', 'app')).toHaveLength(1);
    expect(await channels.tagsOf('testing', 'app')).toEqual([]);
    expect(await channels.tagsOf('stable', 'ap')).toEqual([]);
  });

  test('the channels that have a tag are known by name, whether they are configured or not', async () => {
    await using place = await open();
    const { channels } = await place.connect();
    expect(await channels.names()).toEqual([]);
    for (const channel of ['testing', 'stable', 'former'])
      for (const repository of ['app', 'web'])
        await channels.apply(channel, repository, [channelTag({ channel, repository })], []);
    for (const repository of ['app', 'web']) await channels.apply('former', repository, [], ['latest']);
    expect(await channels.names()).toEqual(['stable', 'testing']);
  });

  test('no reader sees half of an apply', async () => {
    await using place = await open();
    const writer = await place.connect();
    const reader = await place.connect();
    await writer.channels.apply('stable', 'app', tagsAt('0'), []);
    const seen = new Set<string>();
    for (let round = 1; round <= 10; round++) {
      const writing = { over: false };
      const written = writer.channels.apply('stable', 'app', tagsAt(`${round}`), []);
      const marked = written.finally(() => (writing.over = true));
      while (!writing.over) {
        const found = await reader.channels.tagsOf('stable', 'app');
        seen.add(`${found.length} tags at ${new Set(found.map((tag) => tag.digest)).size} digest`);
        await new Promise(setImmediate);
      }
      await marked;
    }
    expect(seen).toEqual(new Set(['200 tags at 1 digest']));
  });

  test('byDigest has the newest entry of a digest', async () => {
    await using place = await open();
    const { channels } = await place.connect();
    await channels.apply(
      'stable',
      'app',
      [
        channelTag({ tag: 'z', promotedAt: time(1) }),
        channelTag({ tag: 'a', promotedAt: time(2) }),
        channelTag({ tag: 'b', promotedAt: time(3), digest: digest('two') }),
      ],
      [],
    );
    expect((await channels.byDigest('stable', 'app', digest('one')))?.tag).toBe('a');
    expect(await channels.byDigest('testing', 'app', digest('one'))).toBeUndefined();
  });

  test('repositories are named once each, sorted, in pages, and only while they have a tag', async () => {
    await using place = await open();
    const { channels } = await place.connect();
    const names = ['a', 'a-b', 'a/b', 'aa', 'b', 'c', 'd'];
    for (const repository of names.toReversed()) {
      const tags = ['1', '2', '3'].map((tag) => channelTag({ repository, tag }));
      await channels.apply('stable', repository, tags, []);
    }
    await channels.apply('stable', 'b', [], ['1', '2', '3']);
    await channels.apply('testing', 'e', [channelTag({ channel: 'testing', repository: 'e' })], []);
    const left = names.filter((name) => name !== 'b');
    for (const limit of [1, 2, 3, 6, 100]) {
      expect(await allPages((page) => channels.repositories('stable', page), limit)).toEqual(left);
    }
    expect(await channels.repositories('none', { limit: 5 })).toEqual({ items: [], next: null });
    await refusesBadPages((page) => channels.repositories('stable', page));
  });

  test('listTags is sorted by name, in pages that stay as they were while tags come and go', async () => {
    await using place = await open();
    const { channels } = await place.connect();
    const tags = ['1.0', '10', '2', 'Z', '__proto__', 'a'].map((tag) => channelTag({ tag }));
    await channels.apply('stable', 'app', tags.toReversed(), []);
    for (const limit of [1, 4, 100]) {
      expect(await allPages((page) => channels.listTags('stable', 'app', page), limit)).toEqual(tags);
    }
    const found = await allPages(
      (page) => channels.listTags('stable', 'app', page),
      3,
      () => channels.apply('stable', 'app', [channelTag({ tag: '0' })], ['1.0', '2']),
    );
    expect(found).toEqual(tags);
    await refusesBadPages((page) => channels.listTags('stable', 'app', page));
  });

  test('holding has the tags of all channels that have a digest, also as a companion or referrer, in pages of any size', async () => {
    await using place = await open();
    const { channels } = await place.connect();
    const wanted = digest('wanted');
    const holding: ChannelTag[] = [];
    for (const channel of ['stable', 'testing']) {
      for (const repository of ['app', 'app/more', 'elsewhere']) {
        const all = Array.from({ length: 250 }, (_, at) =>
          channelTag({
            channel,
            repository,
            tag: `t${at}`,
            ...(at % 50 === 0 ? { digest: wanted } : {}),
            ...(at % 50 === 1 ? { companions: [{ tag: 'sha256-x.sig', digest: wanted }] } : {}),
            ...(at % 50 === 2 ? { referrers: [digest('other'), wanted] } : {}),
          }),
        );
        await channels.apply(channel, repository, all, []);
        holding.push(...all.filter((_, at) => at % 50 < 3));
      }
    }
    for (const limit of [1, 7, 100, 1000]) {
      const found = await allPages((page) => channels.holding(wanted, page), limit);
      expect(sorted(found)).toEqual(sorted(holding));
    }
    await channels.apply('stable', 'app', [channelTag({ tag: 't0' })], ['t1', 't2']);
    await channels.apply(
      'stable',
      'elsewhere',
      [],
      Array.from({ length: 250 }, (_, at) => `t${at}`),
    );
    const { items } = await channels.holding(wanted, { limit: 1000 });
    expect(sorted(items)).toEqual(
      sorted(
        holding.filter(
          ({ channel, repository, tag }) =>
            channel !== 'stable' ||
            (repository !== 'elsewhere' && (repository !== 'app' || !['t0', 't1', 't2'].includes(tag))),
        ),
      ),
    );
    expect(await channels.byDigest('stable', 'app', digest('other'))).toBeUndefined(); // that is no tag's own
    await refusesBadPages((page) => channels.holding(wanted, page));
  });
}

function sorted(tags: readonly ChannelTag[]): string[] {
  return tags.map((tag) => JSON.stringify(tag)).toSorted();
}

/** Two hundred tags, all at one digest. */
function tagsAt(name: string): ChannelTag[] {
  return Array.from({ length: 200 }, (_, at) => channelTag({ tag: `t${at}`, digest: digest(name) }));
}
