import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeImage, makeIndex, makeLayer, makeSbom, makeSignature } from '@gantry/registry';
import { openTree, verifyTree } from '@gantry/tree';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { createPublisher } from './publisher.ts';

const image = (text: string) =>
  makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [makeLayer([{ path: 'a', content: text }])],
  });
const index = makeIndex([image('one'), image('two')]);

async function openSynced(): Promise<FlowFixture> {
  const fixture = await openFlow();
  fixture.upstream.push('app', index, '1');
  fixture.upstream.push('app', makeSbom(index, 'app'));
  fixture.upstream.push('app', makeSbom(image('one'), 'one'));
  fixture.upstream.push('web', image('web'), '1');
  await fixture.sync();
  return fixture;
}

async function promote(
  fixture: FlowFixture,
  repository: string,
  to = 'stable',
  publisher = fixture.publisher,
) {
  const id = await fixture.promote({ items: [{ repository, reference: '1', tags: ['1', 'latest'] }], to });
  await publisher.publishPending();
  return fixture.flow.catalog.promotions.get(id);
}

const findings = async (fixture: FlowFixture) =>
  (await verifyTree(fixture.treeSource, { deep: true })).findings;

async function filesOf(fixture: FlowFixture, folder: string): Promise<string[]> {
  const entries = await readdir(join(fixture.root, 'tree', folder), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe('a promotion of what is there already', () => {
  test.each(['pool/blobs', 'pool/manifests', 'pool/index'])(
    'puts back all files of its that were deleted from %s, by a process that did not know of them and by one that did',
    async (folder) => {
      await using fixture = await openSynced();
      await promote(fixture, 'app');
      const { statement } = (await openTree(fixture.treeSource)) ?? {};
      for (const publisher of [fixture.publisher, createPublisher(fixture.flow, fixture.tree)]) {
        const files = await filesOf(fixture, folder);
        expect(files.length).toBeGreaterThan(2);
        for (const file of files) await rm(file);
        expect(await promote(fixture, 'app', 'stable', publisher)).toMatchObject({
          state: 'done',
          serial: 1,
        });
        expect((await filesOf(fixture, folder)).toSorted()).toEqual(files.toSorted());
        expect(await findings(fixture)).toEqual([]);
      }
      expect((await openTree(fixture.treeSource))?.statement).toEqual(statement);
    },
  );

  test('looks at nothing else', async () => {
    await using fixture = await openSynced();
    await promote(fixture, 'app');
    await promote(fixture, 'web');
    for (const file of await filesOf(fixture, 'pool/blobs')) await rm(file);
    await promote(fixture, 'web');
    expect(await filesOf(fixture, 'pool/blobs')).toHaveLength(2); // a config and a layer
  });

  test.each(['stable', 'release'])('brings what was signed since to %s', async (channel) => {
    await using fixture = await openSynced();
    await promote(fixture, 'app');
    if (channel === 'release') await promote(fixture, 'app', 'release');
    const signature = makeSignature('app', index);
    const late = makeSbom(index, 'late');
    const companion = `${index.digest.replace(':', '-')}.sig`;
    fixture.upstream.push('app', signature, companion);
    fixture.upstream.push('app', late);
    await fixture.sync();
    expect(await promote(fixture, 'app', channel)).toMatchObject({ state: 'done' });
    const name = channel === 'release' ? 'release/app' : 'app';
    const repository = await (await openTree(fixture.treeSource))?.repository(name);
    expect(repository?.tags.get(companion)).toBe(signature.digest);
    expect(repository?.manifests.has(late.digest)).toBe(true);
    expect([...(repository?.referrers.keys() ?? [])].toSorted()).toEqual(
      [index.digest, image('one').digest].toSorted(),
    );
    expect(await findings(fixture)).toEqual([]);
  });
});
