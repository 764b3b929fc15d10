import { layTree } from '@gantry/tree';
import {
  ask,
  repositoryOf,
  sampleImage,
  startMirror,
  startTestCrane,
  temporaryFolder,
  testLog,
  until,
} from './crane.fixture.ts';
import type { CraneOptions } from './options.ts';

/** A tree of one image, two mirrors that have it, and a crane that knows the first. */
async function openScene(options: Partial<CraneOptions> = {}) {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await temporaryFolder());
  const image = sampleImage();
  await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
  const [first, second] = [resources.use(await startMirror()), resources.use(await startMirror())];
  for (const mirror of [first, second]) await mirror.copyFrom(folder.path);
  const log = testLog();
  const crane = resources.use(
    await startTestCrane({
      tree: folder.path,
      mirrors: [{ name: 'first', url: first.url }],
      logger: log,
      ...options,
    }),
  );
  const blob = `/v2/app/blobs/${image.layer}`;
  const location = async () => (await ask(crane, blob)).headers.get('location');
  await until(async () => (await location())?.startsWith(first.url));
  const open = resources.move();
  return { first, second, crane, blob, location, log, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

test('another list of mirrors is in use without a restart', async () => {
  await using scene = await openScene();
  const { crane, first, second, location } = scene;
  crane.reconfigure({ mirrors: [{ name: 'second', url: second.url }] });
  await until(async () => (await location())?.startsWith(second.url));
  first.requests.length = 0;
  const before = second.requests.length;
  await until(() => second.requests.length > before + 3);
  expect(first.requests).toEqual([]); // it is not probed any more
});

test('a mirror that stays is used on, whatever is changed beside it', async () => {
  await using scene = await openScene();
  const { crane, first, second, location } = scene;
  const mirrors = [
    { name: 'second', url: second.url, countries: ['DE'] },
    { name: 'first', url: first.url, weight: 5 },
  ];
  crane.reconfigure({ mirrors });
  expect(await location()).toMatch(/^http/); // the first still, before the second is probed
});

test('a mirror that is to carry another part is looked at anew', async () => {
  await using scene = await openScene();
  const { crane, first, location } = scene;
  const mirror = { name: 'first', url: first.url };
  crane.reconfigure({ mirrors: [{ ...mirror, repositories: ['other/**', 'app'] }] });
  expect(await location()).toBe(null); // not before it was probed
  await until(async () => (await location())?.startsWith(first.url));
});

test('a list that can not be used is refused by name, and the former one goes on', async () => {
  await using scene = await openScene();
  const { crane, first, location } = scene;
  const wrong = { name: 'wrong', url: 'https://wrong.example', networks: ['nonsense'] };
  expect(() => crane.reconfigure({ mirrors: [wrong] })).toThrow('the mirror "wrong" can not be used');
  expect(() => crane.reconfigure({ mirrors: [], trustedProxies: ['nonsense'] })).toThrow(
    '"nonsense" is no network',
  );
  expect(await location()).toMatch(new RegExp(`^${first.url}`));
});

test('a client that comes back for the same blob within seconds is sent to another mirror, and the first is looked at', async () => {
  await using scene = await openScene();
  const { crane, first, second, location } = scene;
  crane.reconfigure({
    mirrors: [
      { name: 'first', url: first.url, weight: 1_000_000 },
      { name: 'second', url: second.url, weight: 1 },
    ],
  });
  const places = await until(async () => {
    const seen = [await location(), await location()].map((place) => place?.split('/pool/')[0]);
    return new Set(seen).size === 2 && seen;
  });
  expect(new Set(places)).toEqual(new Set([first.url, second.url]));
});

test('a mirror that a client came back from is out of use after one probe, also if another client came back just before', async () => {
  await using scene = await openScene({ pollMs: 3_600_000 });
  const { crane, first, blob, location, log } = scene;
  await location(); // it comes back for what is all right
  const whyNot = async () => {
    const { mirrors } = (await (await ask(crane, `${blob}?mirrorlist`)).json()) as {
      mirrors: readonly { name: string; leftOut?: string }[];
    };
    return mirrors.find(({ name }) => name === 'first')?.leftOut;
  };
  first.faults = { status: (file) => (file.startsWith('pool/blobs/') ? 500 : undefined) };
  await location();
  await until(async () => (await whyNot())?.includes('is answered with 500'));
  expect(log.lines.filter(({ message }) => message.includes('in doubt'))).toEqual([]);
});
