import { layTree } from '@gantry/tree';
import type { Crane } from './crane.ts';
import {
  ask,
  repositoryOf,
  sampleImage,
  startMirror,
  startTestCrane,
  temporaryFolder,
  until,
} from './crane.fixture.ts';

/** Which requests look like those of a client whose redirect has failed, and which do not. */
const REPOSITORIES = ['app', 'app-1', 'app-2', 'app-3'];
const image = sampleImage();
const opened = new AsyncDisposableStack();
let crane: Crane;
let folder: string;
let mirrors: { readonly name: string; readonly url: string; readonly requests: readonly string[] }[];

beforeAll(async () => {
  folder = opened.use(await temporaryFolder()).path;
  await layTree(folder, { repositories: REPOSITORIES.map((name) => repositoryOf(name, { latest: image })) });
  const servers = [];
  for (let count = 0; count < 3; count++) servers.push(opened.use(await startMirror({ directory: folder })));
  mirrors = servers.map(({ url, requests }, at) => ({ name: `mirror-${at}`, url, requests }));
});
afterAll(() => opened.disposeAsync());

/** A crane that remembers nobody yet, with all mirrors in use. */
beforeEach(async () => {
  crane = await startTestCrane({ tree: folder, mirrors, pollMs: 3_600_000 });
  await until(async () => {
    const told = (await (await ask(crane, '/mirrors')).json()) as { mirrors: { usable: boolean }[] };
    return told.mirrors.every(({ usable }) => usable);
  });
});
afterEach(() => crane[Symbol.asyncDispose]());

async function hostOf(repository: string, range?: string): Promise<string> {
  const headers = range === undefined ? {} : { Range: range };
  const answer = await ask(crane, `/v2/${repository}/blobs/${image.layer}`, { headers });
  return new URL(answer.headers.get('location') ?? '').host;
}

async function hostsOf(...ranges: (string | undefined)[]): Promise<number> {
  const hosts = new Set<string>();
  for (const range of ranges) hosts.add(await hostOf('app', range));
  return hosts.size;
}

test('images that share a layer are pulled one after the other from one mirror, and nobody suspects it', async () => {
  const before = mirrors.map(({ requests }) => requests.length);
  const hosts: string[] = [];
  for (const repository of REPOSITORIES) hosts.push(await hostOf(repository));
  expect(new Set(hosts).size).toBe(1);
  expect(mirrors.map(({ requests }) => requests.length)).toEqual(before);
});

test.each([
  ['closed ranges', ['bytes=0-249', 'bytes=250-499', 'bytes=500-749', 'bytes=750-999']],
  [
    'containerd, which reads no further than it needs',
    ['bytes=0-', 'bytes=250-', 'bytes=500-', 'bytes=750-'],
  ],
  ['the end', ['bytes=-100', 'bytes=-200', 'bytes=500-', 'bytes=600-']],
])('parts that are fetched side by side come from one mirror: %s', async (_, ranges) => {
  expect(await hostsOf(...ranges)).toBe(1);
});

test('parts of a blob that is begun anew come from where it was begun the last time', async () => {
  const first = await hostOf('app', 'bytes=0-');
  expect(await hostOf('app', 'bytes=250-')).toBe(first);
  const second = await hostOf('app', 'bytes=0-');
  expect(second).not.toBe(first);
  expect([await hostOf('app', 'bytes=250-'), await hostOf('app', 'bytes=500-')]).toEqual([second, second]);
});

test.each([
  ['begins anew', [undefined, undefined, undefined]],
  ['begins anew with a range', [undefined, 'bytes=0-', 'bytes=0-']],
  ['goes on where a connection broke', [undefined, 'bytes=400-', 'bytes=700-']],
])('who %s is sent elsewhere each time', async (_, ranges) => {
  expect(await hostsOf(...ranges)).toBe(3);
});
