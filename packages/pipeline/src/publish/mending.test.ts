import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeImage, makeIndex, makeLayer, makeSbom } from '@gantry/registry';
import { verifyTree } from '@gantry/tree';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { recordTask } from '../work/create-task.ts';
import { findLost } from './find-lost.ts';
import { publishTrees } from './publish-trees.ts';
import { createPublisher } from './publisher.ts';

const amd64 = { os: 'linux', architecture: 'amd64' };
const index = makeIndex([
  makeImage({ platform: amd64, layers: [makeLayer([{ path: 'a', content: 'layer' }])] }),
]);

/** Two repositories in the tree, one with an SBOM. */
async function openPublished(): Promise<FlowFixture> {
  const fixture = await openFlow();
  for (const name of ['app', 'other']) fixture.upstream.push(name, index, '1');
  fixture.upstream.push('app', makeSbom(index, 'sbom'));
  await fixture.sync();
  await fixture.promote({
    items: ['app', 'other'].map((repository) => ({ repository, reference: '1' })),
    to: 'stable',
  });
  await fixture.publisher.publishPending();
  return fixture;
}

async function pathsIn({ treeSource }: FlowFixture, folder: string): Promise<string[]> {
  return (await Array.fromAsync(treeSource.list?.(folder) ?? [])).map(({ path }) => path);
}

/** Puts a file of the same size and other bytes in the place of one, or changes its very bytes as a disk does. */
async function flip({ root }: FlowFixture, path: string, inPlace = false): Promise<void> {
  const file = join(root, 'tree', path);
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 4, bytes.length >> 1);
  if (inPlace) await chmod(file, 0o644);
  else await rm(file);
  await writeFile(file, bytes);
}

const findings = async ({ treeSource }: FlowFixture) =>
  (await verifyTree(treeSource, { deep: true })).findings.map(({ kind, path }) => `${kind} ${path}`);

const blobOf = (path: string) => `sha256:${path.slice(path.lastIndexOf('/') + 1)}`;

/** Runs the task of `gantry publish`. @returns how it ends */
async function runPublish(fixture: FlowFixture, publisher = fixture.publisher) {
  const task = await recordTask(fixture.flow, 'publish', {});
  return publishTrees([publisher], task, new AbortController().signal);
}

describe('`gantry publish`', () => {
  test.each(['that has read the tree before', 'that has just been started'])(
    'by a process %s mends documents and manifests of the same size',
    async (which) => {
      await using fixture = await openPublished();
      const { flow, tree } = fixture;
      const documents = await pathsIn(fixture, 'pool/index');
      const manifests = await pathsIn(fixture, 'pool/manifests');
      expect([documents.length, manifests.length]).toEqual([6, 3]);
      for (const damaged of [...documents, ...manifests].map((path) => [path]).concat([documents])) {
        for (const path of damaged) await flip(fixture, path);
        expect(await findings(fixture)).not.toEqual([]);
        const isKnown = which === 'that has read the tree before';
        const publisher = isKnown ? fixture.publisher : createPublisher(flow, tree);
        expect(await runPublish(fixture, publisher)).toEqual({
          state: 'done',
          errors: [],
          result: { serial: 1, published: false },
        });
        expect(await findings(fixture)).toEqual([]);
      }
    },
  );

  test('names what it can not mend, and mends the rest', async () => {
    await using fixture = await openPublished();
    const [first, second] = await pathsIn(fixture, 'pool/manifests');
    const [document] = await pathsIn(fixture, 'pool/index');
    await flip(fixture, String(first), true); // the store's own bytes are these, too
    await flip(fixture, String(second));
    await flip(fixture, String(document));
    expect(await runPublish(fixture)).toMatchObject({
      state: 'partial',
      errors: [{ item: blobOf(String(first)), problem: { detail: expect.stringContaining('--scrub') } }],
    });
    expect(await findings(fixture)).toEqual([`corrupt ${first}`]);
  });

  test('names a document that nothing can be made of, as its channel is not known any more', async () => {
    await using fixture = await openPublished();
    const { flow, tree } = fixture;
    const documents = await pathsIn(fixture, 'pool/index');
    const channels = tree.channels.filter(({ name }) => name !== 'stable');
    const publisher = createPublisher(flow, { ...tree, channels });
    for (const path of documents) {
      await flip(fixture, path);
      const { state, errors } = await runPublish(fixture, publisher);
      expect(['done', 'partial']).toContain(state);
      expect(errors.map(({ item }) => `corrupt ${item}`)).toEqual(await findings(fixture));
      await flip(fixture, path);
    }
  });
});

test('a promotion into a tree whose root is lost puts back all of it that is named still', async () => {
  await using fixture = await openPublished();
  const { flow, tree } = fixture;
  for (const path of await pathsIn(fixture, 'pool/index')) await flip(fixture, path);
  await fixture.promote({ items: [{ repository: 'app', reference: '1', tags: ['x'] }], to: 'stable' });
  await createPublisher(flow, tree).publishPending();
  expect(await findLost({ tree }, new Set())).toEqual([]);
});
