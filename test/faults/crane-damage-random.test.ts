import { watch } from 'node:fs';
import { digestOf } from '@gantry/oci';
import { openPlainHttp, type PlainAnswer } from '../clients/plain-http.ts';
import { DAMAGED, DAMAGES, type DamagedTree, layDamagedTree } from '../fixtures/damaged-tree.ts';
import { inParallel } from '../fixtures/in-parallel.ts';
import { heapInUse, openDescriptors } from '../fixtures/open-handles.ts';
import { openQuickCrane } from '../fixtures/quick-crane.ts';
import { seededRandom } from '../fixtures/seeded-random.ts';
import { startNginx } from '../servers/nginx.ts';
import { needs } from '../servers/parts.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';
import { SEED, SOAK } from './soak.ts';

/** While files of its tree are damaged, mended and published at random, a crane never says that something is not there which is. */

const REQUESTS = SOAK ? 50_000 : 5_000;
const SERIALS = SOAK ? 40 : 8;
const NAMES = Array.from({ length: 40 }, (_, number) => `team-${number % 7}/app-${number}`);
const CONNECTIONS = 8;
/** What a process may hold more than before: caches that fill (7 MB in a soak), what is compiled, and what garbage collection leaves for later. */
const HEAP_GROWTH_BYTES = 16 * 1024 * 1024;

/** A request, and what it may be answered with when a serial is served: a digest or list, or the status of what is not there. */
interface Question {
  readonly path: string;
  readonly right: (serial: number) => string;
}

function pick<T>(among: readonly T[], random: () => number): T {
  return among[Math.floor(random() * among.length)] as T;
}

function questionOf(tree: DamagedTree, random: () => number, newest: number): Question {
  const name = random() < 0.1 ? 'no/such-name' : pick(NAMES, random);
  const at = 1 + Math.floor(random() * newest);
  const known = tree.states[at]?.get(name);
  const digest = known?.image.digest ?? digestOf('nobody has it');
  const blob = known?.image.blobs.at(-1)?.digest ?? digestOf('nobody has it');
  const isNow = (serial: number) => tree.states[serial]?.get(name);
  const tagged = (serial: number, tag: string) => {
    const now = isNow(serial);
    return tag === 'latest' || tag === `v${serial}` ? (now?.image.digest ?? '404') : '404';
  };
  const whether = (serial: number, given: string) =>
    known !== undefined && isNow(serial)?.image === known.image ? given : '404';
  const path = (rest: string) => `/v2/${name}/${rest}`;
  return pick<Question>(
    [
      { path: path('manifests/latest'), right: (serial) => tagged(serial, 'latest') },
      { path: path(`manifests/v${at}`), right: (serial) => tagged(serial, `v${at}`) },
      { path: path(`manifests/${digest}`), right: (serial) => whether(serial, digest) },
      { path: path(`blobs/${blob}`), right: (serial) => whether(serial, blob) },
      {
        path: path('tags/list'),
        right: (serial) => (isNow(serial) === undefined ? '404' : `latest v${serial}`),
      },
      {
        path: path(`referrers/${digest}`),
        right: (serial) => {
          if (isNow(serial) === undefined) return '404';
          return whether(serial, '') === '' ? (known?.sbom.digest ?? '') : '';
        },
      },
      {
        path: path(`manifests/latest?serial=${at}`),
        right: (serial) => (serial < at ? '404' : tagged(at, 'latest')),
      },
      {
        path: '/v2/_catalog',
        right: (serial) => [...(tree.states[serial]?.keys() ?? [])].toSorted().join(' '),
      },
    ],
    random,
  );
}

/** What an answer says, in the words of `Question.right`. */
function said(path: string, { status, headers, body }: PlainAnswer): string {
  if (status !== 200 && status !== 302) return String(status);
  if (path.includes('/blobs/')) return `sha256:${String(headers.location).split('/').at(-1)}`;
  if (path.includes('/manifests/')) return digestOf(body);
  const list = JSON.parse(body.toString()) as Record<string, readonly unknown[]>;
  if (path.includes('/referrers/'))
    return (list['manifests'] as readonly { digest: string }[]).map(({ digest }) => digest).join(' ');
  return (list['tags'] ?? list['repositories'] ?? []).join(' ');
}

const PLACES = ['a directory', 'a web server'];

const real = needs('nginx');
for (const kind of PLACES) {
  real.test(
    `no wrong 404 in ${REQUESTS} requests while a tree in ${kind} is damaged, mended and published`,
    async () => {
      await using resources = new AsyncDisposableStack();
      const folder = resources.use(await temporaryFolder('damaged-random'));
      const random = seededRandom(SEED);
      const tree = await layDamagedTree(folder.path, { names: NAMES, serials: SERIALS, random });
      await tree.publish(1);
      const mirror = resources.use(await startNginx({ root: tree.whole, rules: true }));
      const server = resources.use(await startNginx({ root: tree.served, rules: true }));
      const http = resources.use(openPlainHttp(CONNECTIONS));
      // The first folder that is watched opens what a process keeps for good.
      watch(tree.served).close();
      const before = openDescriptors();
      const counts = { answered: 0, unavailable: 0, absent: 0 };
      const wrong: string[] = [];
      let heap = 0;
      {
        await using crane = await openQuickCrane(kind === 'a directory' ? tree.served : server.url, {
          mirrors: [{ name: 'whole', url: mirror.url }],
        });
        /** The lowest and the highest serial that an answer may be of. */
        const serials: [number, number] = [1, 1];
        const ask = async (isWhole: boolean) => {
          const { path, right } = questionOf(tree, random, serials[1]);
          const answer = await http.ask(crane.url + path);
          counts.answered++;
          if (answer.status === 404) counts.absent++;
          if (answer.status === 503 && !isWhole) {
            counts.unavailable++;
            return true;
          }
          const got = said(path, answer);
          const between = Array.from(
            { length: serials[1] - serials[0] + 1 },
            (_, above) => serials[0] + above,
          );
          if (between.some((serial) => right(serial) === got)) return true;
          if (!isWhole) wrong.push(`${path}: ${got}, of the serials ${serials.join(' to ')}`);
          return false;
        };
        const batch = (count: number) =>
          inParallel(Array.from({ length: count }), CONNECTIONS, async () => void (await ask(false)));

        for (let serial = 2; serial <= SERIALS; serial++) {
          for (let times = 0; times < 4; times++) {
            const [what, how] = [pick(DAMAGED, random), pick(DAMAGES, random)];
            await tree.damage(what, how, serial - (times % 2), pick(NAMES, random));
          }
          await batch(REQUESTS / SERIALS / 2);
          serials[1] = serial;
          await tree.publish(serial);
          await batch(REQUESTS / SERIALS / 2);
          await tree.mend();
          await until('the serial to be served once all is whole', () => crane.serial() === serial);
          serials[0] = serial;
          const healed = async () => {
            for (const name of NAMES) {
              const expected = tree.states[serial]?.get(name)?.image.digest ?? '404';
              const place = `/v2/${name}/manifests/v${serial}`; // of this serial alone
              if (said(place, await http.ask(crane.url + place)) !== expected) return false;
            }
            for (let asked = 0; asked < 20; asked++) if (!(await ask(true))) return false;
            return true;
          };
          await until('all to be served once it is whole', healed);
          if (serial === SERIALS >> 1) heap = heapInUse();
        }
        await batch(REQUESTS - counts.answered);
        expect(wrong).toEqual([]);
        expect(counts.answered).toBeGreaterThanOrEqual(REQUESTS);
        expect(Math.min(counts.unavailable, counts.absent)).toBeGreaterThan(0);
        expect(heapInUse() - heap).toBeLessThan(HEAP_GROWTH_BYTES);
        http[Symbol.dispose]();
      }
      await until('no descriptor to be left open', () => openDescriptors() <= before);
      if (SOAK) console.info(kind, counts);
    },
    SOAK ? 600_000 : 60_000,
  );
}
