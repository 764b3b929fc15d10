import type { ChannelTag, Channels, Page } from '@gantry/catalog';
import * as fc from 'fast-check';
import type { Difference } from '../views/difference.ts';
import { diffChannels } from './diff-channels.ts';

type Content = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Channels that are held in memory, three names a page whatever is asked for. */
function channelsOf(contents: Readonly<Record<string, Content>>): Channels {
  const tagsOf = (channel: string, repository: string) =>
    Object.entries(contents[channel]?.[repository] ?? {}).map(
      ([tag, digest]) => ({ tag, digest: `sha256:${digest}` }) as unknown as ChannelTag,
    );
  return {
    async tagsOf(channel: string, repository: string) {
      return tagsOf(channel, repository);
    },
    async repositories(channel: string, { cursor = '' }: { cursor?: string }): Promise<Page<string>> {
      const names = Object.keys(contents[channel] ?? {})
        .toSorted()
        .filter((name) => name > cursor);
      return { items: names.slice(0, 3), next: names.length > 3 ? (names[2] as string) : null };
    },
  } as unknown as Channels;
}

/** What differs, found the plain way. */
function expected(from: Content, to: Content): string[] {
  const lines = (content: Content) =>
    new Set(
      Object.entries(content).flatMap(([repository, tags]) =>
        Object.keys(tags).map((tag) => `${repository} ${tag}`),
      ),
    );
  return [...lines(from).union(lines(to))]
    .filter((line) => {
      const [repository = '', tag = ''] = line.split(' ');
      return from[repository]?.[tag] !== to[repository]?.[tag];
    })
    .toSorted();
}

const Names = fc.constantFrom(...Array.from('abcdefghijklmnop'));
const Channel = fc.dictionary(
  Names,
  fc.dictionary(fc.constantFrom('1', '2', 'x'), fc.integer({ min: 1, max: 2 }), { minKeys: 1 }),
);

test('pages of any size hold together just what differs, each once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      Channel,
      Channel,
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 6 }),
      async (from, to, limit, repositoriesMax) => {
        const catalog = { channels: channelsOf({ from, to }) };
        const found: Difference[] = [];
        let cursor: string | null | undefined;
        while (cursor !== null) {
          const page = await diffChannels(
            catalog,
            'from',
            'to',
            { limit, ...(cursor === undefined ? {} : { cursor }) },
            repositoriesMax,
          );
          expect(page.items.length).toBeLessThanOrEqual(limit);
          expect(page.next).not.toBe(cursor ?? '');
          found.push(...page.items);
          cursor = page.next;
        }
        expect(found.map(({ repository, tag }) => `${repository} ${tag}`)).toEqual(expected(from, to));
      },
    ),
    { numRuns: 300 },
  );
});
