import path from 'node:path';
import { layTree } from '@gantry/tree';
import {
  ask,
  repositoryOf,
  sampleImage,
  startServer,
  startTestCrane,
  temporaryFolder,
} from '../crane.fixture.ts';
import type { Crane } from '../crane.ts';

/** The page asks the search that is configured; here a Solr server, which says what each test wants. */

const opened = new AsyncDisposableStack();
let crane: Crane;
let status = 200;
let docs: readonly object[] = [];

beforeAll(async () => {
  const tree = path.join(opened.use(await temporaryFolder()).path, 'tree');
  const names = Array.from({ length: 130 }, (_, index) => `web/${index}`);
  await layTree(tree, {
    repositories: names.map((name) => repositoryOf(name, { latest: sampleImage() })),
  });
  const { url } = opened.use(
    await startServer((_, response) => {
      response.writeHead(status).end(JSON.stringify({ response: { docs } }));
    }),
  );
  crane = opened.use(
    await startTestCrane({ tree, page: true, search: { solr: { url: `${url}/?q={0}`, timeoutMs: 10_000 } } }),
  );
});
afterAll(() => opened.disposeAsync());

const load = async (target: string) => (await ask(crane, target)).text();
const linked = (page: string) =>
  [...page.matchAll(/href="\/\?repository=([^"]+)"/g)].map(([, name = '']) => decodeURIComponent(name));
const image = (allTitle: string, publishedAbstract?: string) => ({
  documentKind: 'ImageRepository',
  allTitle,
  publishedAbstract,
});

test('what is found is shown with what is said of it; what has no page here is no link', async () => {
  [status, docs] = [
    200,
    [
      image('web/7', 'Serves <pages>'),
      image('web/8'),
      image('unknown', 'of nobody'),
      { allTitle: 'web/9', publishedAbstract: 'Sold elsewhere' },
    ],
  ];
  const page = await load('/?q=serves');
  expect(linked(page)).toEqual(['web/7', 'web/8']);
  expect(page).toContain('Serves &lt;pages&gt;');
  expect(page).toMatch(/<b>web\/9<\/b>\s+<p class="soft">Sold elsewhere/);
  expect(page).not.toContain('of nobody');
  expect(page).toContain('Find repositories by name or description');
});

test('more than a page holds stands on the next', async () => {
  [status, docs] = [200, Array.from({ length: 130 }, (_, index) => image(`web/${index}`))];
  const counts: number[] = [];
  for (let target: string | undefined = '/?q=a+b'; target !== undefined;) {
    const page = await load(target);
    counts.push(linked(page).length);
    target = /rel="next" href="([^"]+)"/.exec(page)?.[1]?.replaceAll('&amp;', '&');
  }
  expect(counts).toEqual([60, 60, 10]);
  expect(linked(await load('/?q=a&page=99'))).toHaveLength(10);
});

test('nothing found is said', async () => {
  [status, docs] = [200, []];
  expect(await load('/?q=nowhere')).toContain('Nothing is found for “nowhere”');
});

test('while there is no answer names are looked through, which is said', async () => {
  [status, docs] = [500, []];
  const page = await load('/?q=web/12');
  expect(page).toContain('Just names are looked through now');
  expect(linked(page)).toHaveLength(11); // web/12, and web/120 to web/129
  expect(linked(await load('/?q=web/12&last=web/12'))).toHaveLength(10);
  expect(linked(await load('/'))).toHaveLength(60);
});
