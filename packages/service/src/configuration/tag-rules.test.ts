import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfiguration } from './load.ts';

/** Loads a file with one source, whose keys `text` gives at the sixth column. */
async function load(text: string) {
  const cwd = await mkdtemp(path.join(tmpdir(), 'gantry-tag-rules-'));
  try {
    await writeFile(
      path.join(cwd, 'gantry.yaml'),
      `sources:\n  - name: a\n    registry: https://a.example.org\n    ${text}\n`,
    );
    return (await loadConfiguration({ env: {}, cwd })).configuration.sources[0];
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

describe('rules of a source', () => {
  test('are read whole', async () => {
    const source = await load(
      `tags: { include: ["/v[0-9]+/", latest], semver: ">=1.2 <2", prereleases: true, or: [{ include: [edge] }], notOlderThan: 90d, latest: 10, latestBy: created }
    platforms: [linux/amd64, linux/arm/v7]
    allow: { foreignLayers: true }`,
    );
    expect(source?.tags).toEqual({
      include: ['/v[0-9]+/', 'latest'],
      exclude: [],
      semver: '>=1.2 <2',
      prereleases: true,
      or: [{ include: ['edge'], exclude: [] }],
      notOlderThanMs: 90 * 86_400_000,
      latest: 10,
      latestBy: 'created',
    });
    expect([source?.platforms, source?.allow.foreignLayers]).toEqual([['linux/amd64', 'linux/arm/v7'], true]);
  });

  test.each([
    [
      'tags: { include: ["/v(/"] }',
      /gantry\.yaml:4:\d+: sources\[0\]\.tags\.include\[0\].*is not a regular expression/,
    ],
    ['tags: { include: ["/(?=v)/"] }', /:4:\d+: .*"\/\(\?=v\)\/".*looks ahead/],
    ['tags: { semver: newest }', /:4:\d+: sources\[0\]\.tags\.semver.*"newest".*is not a range of versions/],
    ['tags: { or: [{ latest: 1 }] }', /:4:\d+: sources\[0\]\.tags\.or\[0\]\.latest/],
    ['tags: { latest: 0 }', /:4:\d+: sources\[0\]\.tags\.latest.*is below 1/],
    ['tags: { latestBy: size }', /:4:\d+: sources\[0\]\.tags\.latestBy.*"size"/],
    ['tags: { notOlderThan: soon }', /:4:\d+: sources\[0\]\.tags\.notOlderThan.*"soon"/],
    ['platforms: [amd64]', /:4:\d+: sources\[0\]\.platforms\[0\].*"amd64".*linux\/amd64/],
    ['platforms: []', /:4:\d+: sources\[0\]\.platforms.*is empty/],
    ['limits: { connections: 0 }', /:4:\d+: sources\[0\]\.limits\.connections.*is below 1/],
    ['limits: { requestsPerSecond: 0 }', /:4:\d+: .*is not above 0/],
    ['limits: { requestsPerSecond: many }', /:4:\d+: .*"many".*number/],
    ['limits: { burst: 1.5 }', /:4:\d+: .*must be a whole number/],
    ['tags: { regex: "v.*" }', /:4:\d+: sources\[0\]\.tags\.regex/],
  ])('%s is refused at its line', async (text, message) => {
    await expect(load(text)).rejects.toThrow(message);
  });
});
