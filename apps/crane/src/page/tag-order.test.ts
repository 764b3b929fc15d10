import * as fc from 'fast-check';
import { orderTags } from './tag-order.ts';

test('latest, then versions from the newest down, then all others by name', () => {
  const tags = [
    'stable',
    'v1.10.0',
    'v1.9.0',
    '1.2',
    'v1.2',
    '1',
    '1.0.0-rc1',
    '1.0.0',
    '1.0.0-rc10',
    'latest',
    'edge',
  ];
  expect(orderTags(tags.toSorted())).toEqual([
    'latest',
    '1',
    'v1.10.0',
    'v1.9.0',
    '1.2',
    'v1.2',
    '1.0.0',
    '1.0.0-rc10',
    '1.0.0-rc1',
    'edge',
    'stable',
  ]);
});

test('tags of one version stand by name, wherever they stood before', () => {
  for (const tags of [
    ['1.2', 'v1.2'],
    ['v1.2', '1.2'],
  ])
    expect(orderTags(tags)).toEqual(['1.2', 'v1.2']);
});

test('companions of other manifests are left out', () => {
  const digest = 'a'.repeat(64);
  expect(orderTags([`sha256-${digest}`, `sha256-${digest}.sig`, 'sha256-me'])).toEqual(['sha256-me']);
});

test('so many that sorting them would hold up others stand as they come', () => {
  const tags = Array.from({ length: 2001 }, (_, index) => `1.${index}`).toSorted();
  expect(orderTags(tags)).toEqual(tags);
});

test('no tag is lost, and the order does not depend on where they stood before', () => {
  const tag = fc.stringMatching(/^[a-z0-9_][a-z0-9._-]{0,8}$/);
  fc.assert(
    fc.property(fc.uniqueArray(tag), (tags) => {
      const ordered = orderTags(tags);
      expect(ordered.toSorted()).toEqual(tags.toSorted());
      expect(orderTags(tags.toReversed())).toEqual(ordered);
    }),
  );
});
