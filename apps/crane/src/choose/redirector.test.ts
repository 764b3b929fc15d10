import { digestOf } from '@gantry/oci';
import { directoryTree, layTree, openTree, type StatedSerial } from '@gantry/tree';
import { repositoryOf, sampleImage, temporaryFolder } from '../crane.fixture.ts';
import { locationOf, readMirrors } from './mirror.ts';
import { createProbedTrees } from '../probe/probed-tree.ts';
import { noteSighting, type Sighting } from './redirector.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const fedora = {
  name: 'fedora',
  url: 'https://mirrors.example/mirrorlist',
  mirrormanager: { path: 'pub/gantry', graceMs: DAY_MS },
};

test('MirrorManager is asked for a path as it stands, for a redirect, and by https for https alone', () => {
  const [secure, plain] = readMirrors([
    fedora,
    { ...fedora, name: 'plain', url: 'http://mirrors.example/mirrorlist' },
  ]);
  if (secure === undefined || plain === undefined) throw new Error('no mirror');
  const path = 'pool/blobs/sha256/ab/abcd';
  expect(locationOf(secure, path)).toBe(
    'https://mirrors.example/mirrorlist?path=pub/gantry/pool/blobs/sha256/ab/abcd&protocol=https&redirect',
  );
  expect(locationOf(plain, path)).toBe(
    'http://mirrors.example/mirrorlist?path=pub/gantry/pool/blobs/sha256/ab/abcd&redirect',
  );
  expect(secure.redirector?.probeSuffix).toBe('&country=global&protocol=https&redirect');
});

/** What is left of serials that were seen, each with its time, when sightings count for 100 ms. */
function kept(...seen: readonly (readonly [serial: number, atMs: number])[]) {
  let sightings: readonly Sighting[] = [];
  for (const [serial, atMs] of seen) {
    const stated = { statement: { serial }, digest: digestOf(String(serial)) } as StatedSerial;
    sightings = noteSighting(sightings, { stated, atMs }, 100);
  }
  return sightings.map(({ stated, atMs }) => [stated.statement.serial, atMs]);
}

test('of what was seen of its mirrors the lowest comes first, as long as it counts', () => {
  expect(kept([7, 0], [9, 10], [8, 20])).toEqual([
    [7, 0],
    [8, 20],
  ]);
  expect(kept([7, 0], [8, 20], [9, 99]).at(0)).toEqual([7, 0]);
  expect(kept([7, 0], [8, 20], [9, 100]).at(0)).toEqual([8, 20]);
  expect(kept([7, 0], [8, 20], [3, 30])).toEqual([[3, 30]]);
});

test('the newest serial of a time is found, whatever serials are absent', async () => {
  await using folder = await temporaryFolder();
  const repositories = [repositoryOf('app', { latest: sampleImage() })];
  const serials = [3, 4, 5, 9, 10, 24, 25];
  for (const serial of serials)
    await layTree(folder.path, { repositories, serial, publishedMs: serial * 1000 });
  const source = directoryTree(folder.path);
  const view = await openTree(source);
  if (view === undefined) throw new Error('no tree');
  const tree = await createProbedTrees(source).at(view);
  for (let time = 0; time <= 30; time++) {
    const found = await tree.publishedBy(time * 1000);
    expect([time, found?.statement.serial]).toEqual([time, serials.findLast((serial) => serial <= time)]);
  }
});
