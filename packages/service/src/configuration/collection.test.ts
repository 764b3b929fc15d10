import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { formatBytes, parseBytes } from './byte-rate.ts';
import { load, problemsOf } from './load.fixture.ts';
import { maskSecrets } from './show.ts';

const DAY = 86_400_000;

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-gc-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

test('a collection runs daily with a day of grace, and the store is not read through, unless it is said', async () => {
  const { configuration } = await load(cwd, 'sources: [{ name: a, registry: a.example }]');
  expect(configuration.gc).toEqual({ everyMs: DAY, graceMs: DAY });
  expect(configuration.sources[0]).not.toHaveProperty('keep');
});

test('what is kept, how long what is not stays, and how the store is read through can be said', async () => {
  const { configuration } = await load(
    cwd,
    `
sources:
  - { name: a, registry: a.example, keep: { latest: 20, days: 90 } }
  - { name: b, registry: b.example, keep: { days: 1 } }
gc: { every: 6h, grace: 3d, scrub: { rate: 50MiB } }
`,
  );
  expect(configuration.gc).toEqual({
    everyMs: DAY / 4,
    graceMs: 3 * DAY,
    scrub: { bytesPerSecond: 50 * 2 ** 20, everyMs: 30 * DAY },
  });
  expect(configuration.sources.map(({ keep }) => keep)).toEqual([
    { latest: 20, forMs: 90 * DAY },
    { forMs: DAY },
  ]);
  expect(maskSecrets(configuration)).toMatchObject({
    gc: { every: '6h', grace: '3d', scrub: { rate: '50MiB', every: '30d' } },
    sources: [{ keep: { latest: 20, days: 90 } }, { keep: { days: 1 } }],
  });
});

test('what can not be is refused by its key', async () => {
  const problems = await problemsOf(
    cwd,
    `sources: [{ name: a, registry: a.example, keep: {} }, { name: b, registry: b.example, keep: { latest: 0 } }]
gc: { every: 0s, scrub: { rate: fast } }
`,
  );
  expect(problems.map((line) => line.replace(/^gantry\.yaml:\d+:\d+: /, ''))).toEqual([
    'sources[0].keep: a map is empty, so no candidate would be kept: it needs latest, days or both',
    'sources[1].keep.latest: 0 is below 1',
    'gc.every: "0s" is no time at all: write 1s or more',
    'gc.scrub.rate: "fast" is not a number of bytes: write 20MB, 512KiB or the like',
  ]);
});

test.each([
  ['1B', 1],
  ['20MB', 20e6],
  ['512KiB', 512 * 1024],
  ['3GB', 3e9],
])('%s are %d bytes, and back', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
  expect(formatBytes(bytes)).toBe(text);
});

test('a grace that is shorter than clocks differ and processes are stopped for is warned of', async () => {
  expect((await load(cwd, 'gc: { grace: 5s }\n')).warnings).toEqual([
    'gantry.yaml:1:14: gc.grace: "5s" is short: a sync that is stopped for longer, or on a machine whose clock differs by more, may lose what it relies on; write 1h or more',
  ]);
  expect((await load(cwd, 'gc: { grace: 1h }\n')).warnings).toEqual([]);
});

test('a grace of a tree that is shorter than mirrors and pulls take is warned of', async () => {
  const why = 'is short: a mirror or a pull that takes longer may miss what it still needs; write 1h or more';
  const text = 'tree: { grace: 1s }\ntrees: { inner: { grace: 0s } }\n';
  const { warnings } = await load(cwd, text);
  expect(warnings.filter((line) => line.includes('grace'))).toEqual([
    `gantry.yaml:1:16: tree.grace: "1s" ${why}`,
    `gantry.yaml:2:26: trees.inner.grace: "0s" ${why}`,
  ]);
  expect((await load(cwd, 'tree: { grace: 1h }\n')).warnings).toEqual([]);
});
