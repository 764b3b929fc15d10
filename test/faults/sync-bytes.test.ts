import { readdir } from 'node:fs/promises';
import path from 'node:path';
import * as fc from 'fast-check';
import { faults, type InProcessOptions, makeImage, makeLayer } from '@gantry/registry';
import { randomBytes } from '../fixtures/random-bytes.ts';
import { openSyncHere, type SyncHere } from '../fixtures/sync-here.ts';
import { SEED, SOAK } from './soak.ts';

/** A registry whose blobs come broken: once, and the sync gets over it; always, and it says so and keeps nothing wrong. */

const AMD64 = { os: 'linux', architecture: 'amd64' };
const layer = makeLayer([{ path: '/data', content: randomBytes('cut', 200_000) }]);
const image = makeImage({ platform: AMD64, layers: [layer] });
const good = makeImage({ platform: AMD64, layers: [makeLayer([{ path: '/good', content: 'good' }])] });
const LAYER = new RegExp(`/blobs/${layer.digest}$`);

async function withFault(intercept: NonNullable<InProcessOptions['intercept']>): Promise<SyncHere> {
  const here = await openSyncHere({ intercept });
  here.upstream.push('team/app', image, '1');
  here.upstream.push('team/good', good, '1');
  return here;
}

async function filesOf({ storeFolder }: SyncHere, folder: string): Promise<string[]> {
  const entries = await readdir(path.join(storeFolder, folder), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.lock')).map(({ name }) => name);
}

async function expectWhole(here: SyncHere): Promise<void> {
  expect(await here.sync()).toMatchObject({ state: 'done', errors: [] });
  expect((await here.flow.store.read(layer.digest, layer.size)).equals(layer.bytes)).toBe(true);
  expect([await filesOf(here, 'partial'), await filesOf(here, 'writing')]).toEqual([[], []]);
}

test('a connection that is cut at any byte of a blob costs the bytes that were not here, and no others', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: layer.size - 1 }), { minLength: 1, maxLength: 4 }),
      async (cuts) => {
        const ranges: (string | undefined)[] = [];
        let at = 0;
        let reached = 0;
        await using here = await withFault((request, response) => {
          if (!LAYER.test(request.url ?? '')) return false;
          ranges.push(request.headers.range);
          const after = cuts[at++];
          if (after === undefined) return false;
          reached = Math.min(reached + after, layer.size);
          return faults.cut(after)(request, response);
        });
        await expectWhole(here);
        // Each further request goes on behind the first byte. A client may have got less than was sent, never more.
        const starts = ranges.map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? 'bytes=0-')?.[1]));
        expect(starts).toEqual(starts.toSorted((one, other) => one - other));
        expect(starts[0]).toBe(0);
        expect(starts.at(-1)).toBeLessThanOrEqual(reached);
        expect(starts.at(-1)).toBeGreaterThan(0);
      },
    ),
    { seed: SEED, numRuns: SOAK ? 250 : 25 },
  );
}, 300_000);

test('a connection that is cut at any byte of a manifest is asked again, and nothing of it is kept', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: image.size - 1 }), async (after) => {
      const place = new RegExp(`/manifests/${image.digest}$`);
      await using here = await withFault(
        faults.only({ method: 'GET', path: place, times: 2 }, faults.cut(after)),
      );
      await expectWhole(here);
      expect((await here.flow.store.read(image.digest, image.size)).equals(image.bytes)).toBe(true);
    }),
    { seed: SEED, numRuns: SOAK ? 100 : 10 },
  );
}, 120_000);

const ONCE: readonly [string, NonNullable<InProcessOptions['intercept']>][] = [
  ['stalled body', faults.stall(70_000)],
  ['body that ends early, in chunks', faults.shorter(1000, 'chunked')],
  ['connection that is closed instead of an answer', faults.dropped()],
  ['500', faults.errors(Number.POSITIVE_INFINITY, 500)],
  ['503', faults.errors(Number.POSITIVE_INFINITY, 503)],
  ['429 with seconds to wait', faults.tooMany(7)],
  ['429 with a date to wait for', faults.tooMany(new Date(Date.UTC(2026, 10, 21, 0, 0, 9)))],
];

test.each(ONCE)('one %s is got over', async (_title, fault) => {
  await using here = await withFault(faults.only({ path: LAYER, times: 1 }, fault));
  await expectWhole(here);
  expect(here.asked('GET', `/blobs/${layer.digest}`)).toBe(2);
});

test.each<[string, () => NonNullable<InProcessOptions['intercept']>, number]>([
  ['seconds', () => faults.tooMany(17), 17_000],
  // It counts from the Date of the answer, which is the real time; a date has no milliseconds.
  ['a date', () => faults.tooMany(new Date(Date.now() + 40_000)), 30_000],
  ['an hour, for a minute at the most,', () => faults.tooMany(3600), 60_000],
])(
  'a 429 with Retry-After as %s is waited for',
  async (_form, fault, leastMs) => {
    await using here = await withFault(faults.only({ path: LAYER, times: 1 }, fault()));
    await expectWhole(here);
    expect(Math.max(...here.waits)).toBeGreaterThanOrEqual(leastMs);
    expect(Math.max(...here.waits)).toBeLessThanOrEqual(61_000);
  },
  20_000,
);

test('a layer with a Content-Length that is too large is complete when all its bytes are here', async () => {
  await using here = await withFault(faults.only({ path: LAYER }, faults.wrongLength(5)));
  await expectWhole(here);
  expect(here.asked('GET', `/blobs/${layer.digest}`)).toBe(1);
});

const ALWAYS: readonly [string, string, NonNullable<InProcessOptions['intercept']>][] = [
  ['wrong bytes of the right length', 'digest-invalid', faults.wrongBytes()],
  ['a body that is too short, with its own length', 'size-invalid', faults.shorter()],
  ['a body that is too short, in chunks', 'size-invalid', faults.shorter(1, 'chunked')],
  ['no body', 'size-invalid', faults.shorter(layer.size)],
  ['a body that is too long, with its own length', 'size-invalid', faults.longer()],
  ['a body that is too long, in chunks', 'size-invalid', faults.longer(1, 'chunked')],
  ['a body that has no end', 'size-invalid', faults.endless()],
  ['a Content-Length that is too small', 'size-invalid', faults.wrongLength(-1)],
  ['bodies that stand still', 'source-unreachable', faults.stall(0)],
  ['500s', 'source-failed', faults.errors(Number.POSITIVE_INFINITY)],
  ['404s', 'manifest-blob-unknown', faults.errors(Number.POSITIVE_INFINITY, 404)],
  ['a redirect loop', 'source-address-refused', faults.redirectLoop()],
  ['a redirect to a private address', 'source-address-refused', faults.redirectToMetadata()],
];

test.each(ALWAYS)(
  'a layer with %s fails its tag alone (%s), is not kept, and comes when it is right again',
  async (_title, problem, fault) => {
    let broken = true;
    await using here = await withFault((request, response) => {
      if (!broken || !LAYER.test(request.url ?? '')) return false;
      return fault(request, response);
    });
    const { state, errors } = await here.sync();
    expect([state, errors.map(({ item, problem: { type } }) => [item, type])]).toEqual([
      'partial',
      [['team/app:1', `urn:gantry:problem:${problem}`]],
    ]);
    expect(errors[0]?.problem.detail).toMatch(/builds|sha256/);
    expect(await here.tags()).toEqual(['team/good:1']);
    expect(await here.flow.store.stat(layer.digest)).toBeUndefined();
    broken = false;
    await expectWhole(here);
    expect(await here.tags()).toEqual(['team/app:1', 'team/good:1']);
  },
  30_000,
);
