import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Lease, openCatalog } from '@gantry/catalog';
import { MONGO_ENGINES, onMongoEngine } from '../servers/mongo-engines.ts';

const HOUR_MS = 3_600_000;

for (const engine of MONGO_ENGINES) {
  onMongoEngine(engine, (server) => {
    test('two processes that create promotions at once get sequences that are all different, and rise for each', async () => {
      await using database = server.newDatabase();
      const children = ['a', 'b'].map((name) => child('create', database.url, name, 0));
      for (const { next } of children) expect(await next()).toBe('ready');
      for (const { process } of children) process.stdin.write('go\n');
      const answers = (await Promise.all(children.map(({ next }) => next()))) as number[][][];
      await Promise.all(children.map(({ ended }) => ended));
      for (const tens of answers) {
        expect(tens.flat()).toHaveLength(100);
        // what was asked for at once has no order of its own
        const lowest = tens.map((ten) => Math.min(...ten));
        const highest = tens.map((ten) => Math.max(...ten));
        expect(lowest.slice(1).every((low, at) => low > (highest[at] as number))).toBe(true);
      }
      const all = answers.flat(2);
      expect(new Set(all).size).toBe(200);
      await using catalog = await openCatalog({ mongodb: { url: database.url } });
      const found = await catalog.promotions.inStates(['queued']);
      expect(found.map(({ sequence }) => sequence)).toEqual(all.toSorted((a, b) => a - b));
    }, 60_000);

    test('workers whose clocks are two hours apart agree on who holds a lease, who is alive, and what waits', async () => {
      await using database = server.newDatabase();
      const ask = async (name: string, clockMs: number) => {
        const { next, ended } = child('lease', database.url, name, clockMs);
        const seen = (await next()) as Seen;
        await ended;
        return seen;
      };
      const ahead = await ask('ahead', HOUR_MS);
      const behind = await ask('behind', -HOUR_MS);
      const right = await ask('right', 0);
      expect(Date.parse(ahead.now) - Date.parse(behind.now)).toBeGreaterThan(1.9 * HOUR_MS);

      expect(ahead.taken[0]).toMatchObject({ name: 'contested', holder: 'ahead', fence: 1 });
      expect([behind.taken[0], right.taken[0]]).toEqual([null, null]);
      expect([behind.contested, right.contested]).toEqual([ahead.contested, ahead.contested]);
      expect([ahead, behind, right].map(({ taken }) => taken[1]?.fence)).toEqual([1, 2, 3]);

      expect(behind.workers.map(({ id }) => id).toSorted()).toEqual(['ahead', 'behind']);
      expect(right.workers.map(({ id }) => id).toSorted()).toEqual(['ahead', 'behind', 'right']);
      const beats = new Map(right.workers.map(({ id, seenAt }) => [id, seenAt]));
      expect([...beats].toSorted(([, a], [, b]) => (a < b ? -1 : 1)).map(([id]) => id)).toEqual([
        'ahead',
        'behind',
        'right',
      ]);
      expect(right.pending).toEqual(['ahead', 'behind', 'right']);
    }, 60_000);
  });
}

/** What a child prints of `lease`. */
interface Seen {
  readonly now: string;
  readonly taken: readonly (Lease | null)[];
  readonly contested: Lease;
  readonly workers: readonly { readonly id: string; readonly seenAt: string }[];
  readonly pending: readonly string[];
}

/** Runs catalog-mongodb.child.ts; `next` gives its next line. */
function child(command: string, url: string, name: string, clockMs: number) {
  const program = fileURLToPath(import.meta.resolve('./catalog-mongodb.child.ts'));
  const running = spawn(process.execPath, [program, command, url, name, String(clockMs)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(running.stdout)[Symbol.asyncIterator]();
  return {
    process: running,
    ended: once(running, 'close').then(([code]) => expect(code).toBe(0)),
    next: async (): Promise<unknown> => {
      const { value } = await lines.next();
      return JSON.parse(value as string) as unknown;
    },
  };
}
