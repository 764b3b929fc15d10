import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { readStatement } from '@gantry/tree';
import { openPlainHttp } from '../clients/plain-http.ts';
import { heapInUse, openDescriptors } from '../fixtures/open-handles.ts';
import { imageOf, openPublishing } from '../fixtures/publishing.ts';
import { openQuickCrane } from '../fixtures/quick-crane.ts';
import { seededRandom } from '../fixtures/seeded-random.ts';
import { SCRIPT } from '../mirror-kit/mirror-world.ts';
import { startNginx } from '../servers/nginx.ts';
import { needs } from '../servers/parts.ts';
import { run } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';
import { SEED, SOAK } from './soak.ts';

/** People ask all the while that a tree is published to: each answer is right for a serial between that before it and that after it. */

const PUBLICATIONS = SOAK ? 1000 : 100;
const READERS = 3;
/** Tags that take turns, beside `latest`. */
const TURNS = 7;
const MIRROR_NAMES = ['near', 'origin'] as const;
/** The mirror that is nearer is behind by up to so many. */
const COPIED_EVERY = 20;
/** By then the bounded caches of crane and publisher are full, which takes some 700 serials: the documents grow with each. */
const HEAP_FROM = Math.floor(PUBLICATIONS * 0.75);
const HEAP_GROWTH_BYTES = 16 * 1024 * 1024;

/** What a publication promotes, and what `app` is then. */
const images = Array.from({ length: PUBLICATIONS + 1 }, (_, serial) => imageOf(String(serial)));
const turnOf = (serial: number) => `n${serial % TURNS}`;
const newest = (serial: number, tag: string): number => {
  for (let at = serial; at > 0 && at > serial - TURNS; at--)
    if (tag === 'latest' || turnOf(at) === tag) return at;
  return 0;
};
const tagsAt = (serial: number) =>
  [
    'latest',
    ...Array.from({ length: TURNS }, (_, turn) => `n${turn}`).filter((tag) => newest(serial, tag) > 0),
  ].join(' ');
const digestAt = (serial: number, tag: string) =>
  (newest(serial, tag) > 0 && images[newest(serial, tag)]?.digest) || '404';

/** The names or digests in a list. */
const listed = (body: Buffer) => {
  const { tags, repositories, manifests } = JSON.parse(body.toString()) as Record<string, readonly string[]>;
  return (tags ?? repositories ?? manifests ?? []).join(' ');
};

const real = needs('nginx');
real.test(
  `each answer is right while a tree is republished ${PUBLICATIONS} times`,
  async () => {
    await using resources = new AsyncDisposableStack();
    const folder = resources.use(await temporaryFolder('republished')).path;
    const [tree, copy] = [path.join(folder, 'tree'), path.join(folder, 'copy')];
    await Promise.all([mkdir(tree), mkdir(copy)]);
    const publishing = resources.use(
      await openPublishing(
        {
          catalog: { sqlite: { file: path.join(folder, 'catalog.db') } },
          storage: { filesystem: { root: path.join(folder, 'store') } },
          tree: { filesystem: { root: tree } },
        },
        new Date().toISOString(),
      ),
    );
    await publishing.sync(images.keys().map(String).toArray());
    const publish = async (serial: number) => {
      for (const tag of ['latest', turnOf(serial)]) await publishing.promote(String(serial), tag);
      await publishing.publisher.publishPending();
      expect((await readStatement(publishing.tree))?.statement.serial).toBe(serial);
    };
    await publish(1);
    const origin = resources.use(await startNginx({ root: tree, rules: true }));
    const near = resources.use(await startNginx({ root: copy, rules: true }));
    const crane = resources.use(
      await openQuickCrane(tree, {
        manifests: 'auto',
        mirrors: [
          { name: 'near', url: near.url, networks: ['127.0.0.0/8'] },
          { name: 'origin', url: origin.url, trusted: true },
        ],
      }),
    );
    const http = resources.use(openPlainHttp(READERS));

    const over = new AbortController();
    const wrong: string[] = [];
    const sent = { near: 0, origin: 0 };
    let answers = 0;
    /** Asks, follows a redirect, and holds the answer against the serials that were served before and after. */
    const ask = async (place: string, right: (serial: number) => string, words: (body: Buffer) => string) => {
      const before = crane.serial() ?? 0;
      const answer = await http.ask(`${crane.url}/v2/${place}`);
      const after = crane.serial() ?? 0;
      const { location } = answer.headers;
      let { status, body } = answer;
      if (location !== undefined) {
        sent[location.startsWith(near.url) ? 'near' : 'origin']++;
        ({ status, body } = await http.ask(location));
        if (status === 404) status = -404; // at a mirror it is never right
      }
      const got = status === 200 ? words(body) : String(status);
      const serials = Array.from({ length: after - before + 1 }, (_, above) => before + above);
      answers++;
      if (!serials.some((serial) => right(serial) === got))
        wrong.push(
          `${place}: ${got} for ${serials.map(right).join(' or ')}, from ${location ?? 'the crane'}`,
        );
      return answer;
    };
    const read = async (random: () => number) => {
      const upTo = (count: number) => Math.floor(random() * count);
      while (!over.signal.aborted) {
        const at = 1 + upTo(Math.min((crane.serial() ?? 0) + 2, PUBLICATIONS));
        const image = images[at];
        const tag = random() < 0.5 ? 'latest' : `n${upTo(TURNS)}`;
        const [digest, child, layer] = [
          image?.digest ?? '',
          image?.children[0],
          image?.children[0]?.blobs.at(-1),
        ];
        const since = (given: string) => (serial: number) => (serial < at ? '404' : given);
        await ask(`app/manifests/${tag}`, (serial) => digestAt(serial, tag), digestOf);
        await ask(`app/manifests/${digest}`, since(digest), digestOf);
        await ask(`app/manifests/${child?.digest}`, since(child?.digest ?? ''), digestOf);
        await ask(`app/blobs/${layer?.digest}`, since(layer?.digest ?? ''), digestOf);
        await ask(`app/manifests/${tag}?serial=${at}`, since(digestAt(at, tag)), digestOf);
        await ask('app/tags/list', tagsAt, listed);
        await ask(
          'app/tags/list?n=2&last=n0',
          (serial) =>
            tagsAt(serial)
              .split(' ')
              .filter((one) => one > 'n0')
              .slice(0, 2)
              .join(' '),
          listed,
        );
        await ask(`app/referrers/${digest}`, () => '', listed);
        await ask('_catalog', () => 'app', listed);
        await ask('no/such-name/manifests/latest', () => '404', digestOf);
      }
    };
    let copying: Promise<unknown> = Promise.resolve();
    const [descriptors, full] = [openDescriptors(), { heap: 0 }];
    const going = Array.from({ length: READERS }, (_, seed) => read(seededRandom(SEED + seed)));
    for (let serial = 2; serial <= PUBLICATIONS; serial++) {
      await publish(serial);
      if (serial % COPIED_EVERY === 0)
        copying = copying.then(() => run('sh', [SCRIPT, '--quiet', origin.url, copy]));
      if (serial === HEAP_FROM) full.heap = heapInUse();
    }
    await until('the last serial to be served', () => crane.serial() === PUBLICATIONS);
    over.abort();
    await Promise.all([...going, copying]);
    expect(wrong).toEqual([]);
    expect(answers).toBeGreaterThan(PUBLICATIONS);
    expect(Math.min(...MIRROR_NAMES.map((name) => sent[name]))).toBeGreaterThan(0);
    expect(heapInUse() - full.heap).toBeLessThan(HEAP_GROWTH_BYTES);
    if (SOAK) console.info({ answers, ...sent, descriptors, openDescriptors: openDescriptors() });
  },
  SOAK ? 1_200_000 : 60_000,
);
