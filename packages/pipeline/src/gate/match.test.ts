import {
  type MadeManifest,
  makeArtifact,
  makeBlob,
  makeChart,
  makeImage,
  makeIndex,
  makeLayer,
} from '@gantry/registry';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import type { MatchRule } from './configuration.ts';
import { currentSubject } from './current-subject.fixture.ts';
import { openMatchGate } from './match.ts';

const image = (
  architecture: string,
  labels: Record<string, string> = {},
  annotations: Record<string, string> = {},
) =>
  makeImage({
    platform: { os: 'linux', architecture },
    layers: [makeLayer([{ path: 'a', content: architecture }])],
    labels,
    annotations,
  });

async function ask(pushed: MadeManifest, rule: MatchRule) {
  await using fixture = await openFlow();
  fixture.upstream.push('app', pushed, '1.0');
  await fixture.sync();
  return await judge(fixture, rule);
}
async function judge({ flow }: FlowFixture, rule: MatchRule) {
  const subject = await currentSubject(flow, 'app', '1.0');
  return openMatchGate(rule)(subject, { flow, signal: new AbortController().signal });
}

describe('labels and annotations', () => {
  test('of an image match, each by its pattern', async () => {
    const made = image(
      'amd64',
      { vendor: 'Example Inc.', release: '12' },
      { url: 'https://example.org/a/b' },
    );
    const rule = {
      labels: { vendor: 'Example *', release: '/[0-9]+/' },
      annotations: { url: 'https://example.org/**' },
    };
    expect(await ask(made, rule)).toEqual([
      {
        name: 'label vendor',
        satisfied: true,
        type: 'label-matches',
        detail: 'the label vendor is "Example Inc."',
        evidence: { pattern: 'Example *', value: 'Example Inc.' },
      },
      expect.objectContaining({ name: 'label release', satisfied: true }),
      expect.objectContaining({ name: 'annotation url', satisfied: true, type: 'annotation-matches' }),
    ]);
  });

  test.each([
    [{ vendor: 'Other' }, 'label-differs', 'the label vendor is "Other"; it must match "Example *"'],
    [
      { vendor: 'Not Example Inc.' },
      'label-differs',
      'the label vendor is "Not Example Inc."; it must match',
    ],
    [{}, 'label-missing', 'the label vendor is absent; it must match "Example *"'],
    [{ vendor: '' }, 'label-differs', 'the label vendor is ""; it must match'],
  ])('that do not are refused: %j', async (labels, type, detail) => {
    const [requirement] = await ask(image('amd64', labels), { labels: { vendor: 'Example *' } });
    expect(requirement).toMatchObject({ satisfied: false, type, detail: expect.stringContaining(detail) });
    expect(requirement?.pending).toBeUndefined();
  });

  test('named as what every object has are absent all the same', async () => {
    const names = { constructor: '**', toString: '**' };
    const judged = await ask(image('amd64'), { labels: names, annotations: names });
    expect(judged.map(({ satisfied }) => satisfied)).toEqual([false, false, false, false]);
  });

  test('lie in each image of an index, and one that differs refuses it', async () => {
    const good = image('amd64', { vendor: 'Example' });
    const rule = { labels: { vendor: 'Example' } };
    const [fine] = await ask(makeIndex([good, image('arm64', { vendor: 'Example' })]), rule);
    expect(fine?.satisfied).toBe(true);
    const [bad] = await ask(makeIndex([good, makeIndex([image('arm64')]), image('s390x')]), rule);
    expect(bad).toMatchObject({
      satisfied: false,
      detail:
        'the label vendor of linux/s390x is absent, and so 1 of its other images; it must match "Example"',
    });
  });

  test('of an index count before those of its images, which count where it has none', async () => {
    const images = [image('amd64', {}, { maturity: 'ga' }), image('arm64', {}, { maturity: 'ga' })];
    const rule = { annotations: { maturity: 'ga' } };
    expect((await ask(makeIndex(images), rule))[0]?.satisfied).toBe(true);
    expect((await ask(makeIndex(images, { annotations: { maturity: 'beta' } }), rule))[0]?.satisfied).toBe(
      false,
    );
    expect((await ask(makeIndex([...images, image('s390x')]), rule))[0]?.satisfied).toBe(false);
  });

  test('are not asked of what only holds statements, whatever its index says that it is', async () => {
    const statement = makeBlob('application/vnd.in-toto+json', '{}');
    const attestation = makeArtifact({ layers: [statement] });
    const unknown = { ...attestation, platform: { os: 'unknown', architecture: 'unknown' } };
    const rule = { labels: { vendor: 'Example' } };
    expect((await ask(makeIndex([image('amd64', { vendor: 'Example' }), unknown]), rule))[0]?.satisfied).toBe(
      true,
    );
    const hidden = { ...image('arm64'), platform: { os: 'unknown', architecture: 'unknown' } };
    expect((await ask(makeIndex([image('amd64', { vendor: 'Example' }), hidden]), rule))[0]?.satisfied).toBe(
      false,
    );
  });

  test('of what is no image are absent', async () => {
    const rule = { labels: { vendor: '**' }, annotations: { 'org.opencontainers.image.title': 'chart' } };
    const judged = await ask(makeChart('chart', '1.0'), rule);
    expect(judged.map(({ satisfied }) => satisfied)).toEqual([false, true]);
  });

  test('of images that were left out on purpose are not asked for', async () => {
    await using fixture = await openFlow();
    fixture.upstream.push('app', makeIndex([image('amd64', { vendor: 'Example' }), image('arm64')]), '1.0');
    await fixture.sync({}, { platforms: ['linux/amd64'] });
    expect((await judge(fixture, { labels: { vendor: 'Example' } }))[0]?.satisfied).toBe(true);
  });
});

test('a pattern that is none is refused before anything is asked', () => {
  expect(() => openMatchGate({ labels: { a: '/(/' } })).toThrow('"/(/" is not a pattern that can be used');
});
