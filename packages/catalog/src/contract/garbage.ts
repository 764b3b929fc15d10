import type { Digest } from '@gantry/oci';
import * as fc from 'fast-check';
import type { CatalogPlace } from '../catalog.contract.ts';
import type { CondemnedBlob, Garbage } from '../index.ts';
import { type Called, explains, type Noted } from './garbage-model.ts';
import { allPages, digest, listsByFilters, time } from './samples.ts';

const TEST_MS = 60_000;

export function garbageContract(open: () => Promise<CatalogPlace>): void {
  test('a blob is condemned once: it keeps its time, until it is spared', async () => {
    await using place = await open();
    const { garbage } = await place.connect();
    expect(await garbage.some()).toBe(false);
    await garbage.condemn([blob('one', 7), blob('two', 8)], time(1));
    await garbage.condemn([blob('one', 70), blob('three', 9)], time(2));
    await garbage.condemn([], time(3));
    expect(await garbage.some()).toBe(true);
    const [one, two, three] = [noted('one', 7, 1), noted('two', 8, 1), noted('three', 9, 2)];
    expect(await garbage.getAll(digests('one', 'two', 'three', 'four', 'one'))).toEqual(
      new Map([one, two, three].map((each) => [each.digest, each])),
    );
    expect(await garbage.spare(digests('one', 'four', 'one'))).toEqual([]);
    expect(await garbage.getAll(digests('one'))).toEqual(new Map());
    await garbage.condemn([blob('one', 70)], time(4));
    expect(await garbage.getAll(digests('one'))).toEqual(new Map([[digest('one'), noted('one', 70, 4)]]));
    expect(await garbage.getAll([])).toEqual(new Map());
  });

  test('what was claimed is not spared, and is forgotten when it is deleted', async () => {
    await using place = await open();
    const { garbage } = await place.connect();
    await garbage.condemn([blob('old'), blob('spared')], time(1));
    await garbage.condemn([blob('young')], time(5));
    await garbage.spare(digests('spared'));
    const all = digests('old', 'spared', 'young', 'unknown', 'old');
    expect(await garbage.claim(all, time(0))).toEqual([]);
    expect(await garbage.claim(all, time(1))).toEqual(digests('old'));
    expect(await garbage.claim(all, time(4))).toEqual(digests('old')); // by the call before
    expect(await garbage.spare(all)).toEqual(digests('old'));
    await garbage.condemn([blob('old', 9)], time(9));
    expect(await garbage.getAll(all)).toEqual(
      new Map([[digest('old'), { ...noted('old', 1, 1), state: 'going' as const }]]),
    ); // the young one was spared
    await garbage.condemn([blob('young')], time(6));
    await garbage.forget(all);
    await garbage.forget([]);
    expect(await garbage.getAll(all)).toEqual(new Map([[digest('young'), noted('young', 1, 6)]]));
    expect(await garbage.claim([], time(9))).toEqual([]);
    expect(await garbage.spare([])).toEqual([]);
  });

  test('list goes by time, the oldest first, in pages of any size, also while some go away', async () => {
    await using place = await open();
    const { garbage } = await place.connect();
    const names = Array.from({ length: 12 }, (_, at) => `b${at}`);
    for (const [at, name] of names.entries())
      await garbage.condemn([blob(name)], time(Math.floor((at * 5) % 12) / 3));
    const going = names.filter((_, at) => at % 3 === 0).map(digest);
    await garbage.claim(going, time(100));
    const all = [...(await garbage.getAll(names.map(digest))).values()].toSorted((a, b) =>
      `${a.at} ${a.digest}` < `${b.at} ${b.digest}` ? -1 : 1,
    );
    expect(all).toHaveLength(12);
    await listsByFilters((query: Parameters<Garbage['list']>[0]) => garbage.list(query), all, {
      state: ['going', ({ state }: CondemnedBlob) => state === 'going'],
    });
    const found = await allPages(
      (page) => garbage.list({ ...page, state: 'going' }),
      1,
      () => garbage.forget([going[0] as Digest]),
    );
    expect(found.length).toBeGreaterThanOrEqual(3);
  });

  test('more than one query takes: condemned, found, claimed, spared and forgotten', async () => {
    await using place = await open();
    const { garbage } = await place.connect();
    const names = Array.from({ length: 600 }, (_, at) => `m${at}`);
    const all = names.map(digest);
    await garbage.condemn(
      names.map((name) => blob(name)),
      time(1),
    );
    expect((await garbage.getAll(all)).size).toBe(600);
    const going = all.filter((_, at) => at % 2 === 0);
    expect(new Set(await garbage.claim(going, time(1)))).toEqual(new Set(going));
    expect(new Set(await garbage.spare(all))).toEqual(new Set(going));
    expect((await garbage.getAll(all)).size).toBe(300);
    await garbage.forget(all);
    expect(await garbage.some()).toBe(false);
  });

  test('of those who spare a blob and those who claim it at once, one side has it', async () => {
    await using place = await open();
    const [one, other] = [await place.connect(), await place.connect()];
    const names = Array.from({ length: 60 }, (_, at) => `r${at}`);
    await one.garbage.condemn(
      names.map((name) => blob(name)),
      time(1),
    );
    const answers = await Promise.all(
      names.map(async (name, at) => {
        const [a, b] = at % 2 ? [one, other] : [other, one];
        const [claimed, late] = await Promise.all([
          a.garbage.claim(digests(name), time(1)),
          b.garbage.spare(digests(name)),
        ]);
        return claimed.length === late.length;
      }),
    );
    expect(answers).toEqual(names.map(() => true));
  });

  test(
    'each of the calls is one step of a blob, in whatever order and from wherever they come',
    async () => {
      await using place = await open();
      const catalogs = [await place.connect(), await place.connect()] as const;
      let run = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(call, { minLength: 1, maxLength: 4 }), { maxLength: 8 }),
          async (rounds) => {
            const prefix = `run ${run++} `;
            const mine = BLOBS.map((at) => digest(`${prefix}${at}`));
            const state = async () => {
              const found = await catalogs[0].garbage.getAll(mine);
              return mine.map((each): Noted | undefined => found.get(each));
            };
            let before = await state();
            for (const [at, calls] of rounds.entries()) {
              const made = await Promise.all(
                calls.map((each) => make(catalogs[each.from].garbage, each, mine, at)),
              );
              const after = await state();
              for (const blobAt of BLOBS) {
                const seen = made.flatMap((each) => each[blobAt] ?? []);
                if (!explains(before[blobAt], seen, after[blobAt]))
                  throw new Error(
                    `no order explains ${JSON.stringify([before[blobAt], seen, after[blobAt]])}`,
                  );
              }
              before = after;
            }
          },
        ),
        { numRuns: 40 },
      );
    },
    TEST_MS,
  );
}

const BLOBS = [0, 1, 2] as const;

/** A call of one of two catalogs, for some of the blobs. */
interface Call {
  readonly from: 0 | 1;
  readonly what: Called['what'];
  readonly blobs: readonly number[];
  /** How many rounds ago a blob must have been condemned to be claimed. */
  readonly age: number;
}

const call: fc.Arbitrary<Call> = fc.record({
  from: fc.constantFrom(0, 1),
  what: fc.constantFrom('condemn', 'spare', 'claim', 'forget'),
  blobs: fc.subarray([...BLOBS], { minLength: 1 }),
  age: fc.integer({ min: 0, max: 2 }),
});

/** Makes a call. @returns by blob, what was called and what it answered */
async function make(
  garbage: Garbage,
  { what, blobs, age }: Call,
  all: readonly Digest[],
  round: number,
): Promise<(Called | undefined)[]> {
  const wanted = blobs.map((at) => all[at] as Digest);
  const [at, before] = [time(round), time(round - age)];
  const answers = {
    condemn: async () => {
      await garbage.condemn(
        wanted.map((each) => ({ digest: each, size: 1 })),
        at,
      );
      return () => ({ what: 'condemn', at }) as const;
    },
    spare: async () => {
      const going = await garbage.spare(wanted);
      return (each: Digest) => ({ what: 'spare', isGoing: going.includes(each) }) as const;
    },
    claim: async () => {
      const going = await garbage.claim(wanted, before);
      return (each: Digest) => ({ what: 'claim', before, isGoing: going.includes(each) }) as const;
    },
    forget: async () => {
      await garbage.forget(wanted);
      return () => ({ what: 'forget' }) as const;
    },
  };
  const called: (each: Digest) => Called = await answers[what]();
  return all.map((each) => (wanted.includes(each) ? called(each) : undefined));
}

function digests(...names: readonly string[]): Digest[] {
  return names.map(digest);
}

function blob(name: string, size = 1): Pick<CondemnedBlob, 'digest' | 'size'> {
  return { digest: digest(name), size };
}

function noted(name: string, size: number, at: number): CondemnedBlob {
  return { digest: digest(name), size, at: time(at), state: 'condemned' };
}
