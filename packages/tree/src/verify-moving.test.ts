import { hash } from 'node:crypto';
import { mkdtemp, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { directoryTree } from './directory-source.ts';
import { layTree } from './lay-tree.ts';
import { formatList, parseList } from './lists.ts';
import { openTree } from './open-tree.ts';
import { listPath } from './paths.ts';
import { layHistory, LAYER, NOW, ONE, PUBLISHED, short, tamperWith } from './sample-history.fixture.ts';
import { sampleImage, sampleRepository } from './sample-content.fixture.ts';
import type { VerifyPhase } from './verification.ts';
import { verifyTree } from './verify.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'gantry-moving-'));
  await layHistory(root);
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

const { put, get, restate } = tamperWith(() => root);

/** The next serial: one repository, and these files are taken out of the pool, and away. */
async function publish(text: string, takenAway: readonly string[] = []): Promise<void> {
  const repositories = [
    sampleRepository('fedora/httpd', { latest: ONE }),
    sampleRepository('new', { x: sampleImage(text) }),
  ];
  const { statement } = await layTree(root, { repositories, publishedMs: PUBLISHED });
  const lines = parseList(await get(listPath(statement.serial)), 'the list');
  const list = formatList([...lines, ...takenAway.map((file) => ({ op: '-' as const, path: file }))]);
  await put(listPath(statement.serial), list);
  await restate({ list: digestOf(list) });
  for (const file of takenAway) await unlink(path.join(root, file));
}

/** A source that does something once, when a phase is entered: what happens there happens while it is verified. */
async function verifyWhile(phase: VerifyPhase, work: () => Promise<void>, again = 0) {
  const source = directoryTree(root);
  let [wanted, left] = [false, again + 1];
  const meanwhile = async () => {
    if (!wanted || left === 0) return;
    wanted = false;
    left--;
    await work();
  };
  // Not a directory to it: its files are read by these.
  const { directory: _, ...plain } = source;
  return verifyTree(
    {
      ...plain,
      async *list(folder) {
        await meanwhile();
        yield* source.list(folder);
      },
      async read(file, maxBytes) {
        await meanwhile();
        return source.read(file, maxBytes);
      },
    },
    {
      ...NOW,
      deep: true,
      onProgress: (progress) => void (wanted ||= progress.phase === phase && progress.objects === 0),
    },
  );
}

test('what a newer serial brings is no stranger, and what it takes away is not missing', async () => {
  const { serial } = (await openTree(directoryTree(root)))?.statement ?? {};
  expect(serial).toBe(3);
  // Only lists tell of it any more.
  const gone = await unreached();
  const result = await verifyWhile('documents', () => publish('one', gone));
  expect(short(result)).toEqual([]);
  expect(result.statement).toMatchObject({ serial: 3 });
});

test('when something goes that its serial reaches, the newer one is verified', async () => {
  const result = await verifyWhile('documents', async () => publish('one', await reachedByThree()));
  expect(short(result)).toEqual([]);
  expect(result.statement).toMatchObject({ serial: 4 });
});

test('what is absent and was not taken away is missing, whatever is published', async () => {
  await unlink(path.join(root, LAYER));
  const result = await verifyWhile('documents', () => publish('one'));
  expect(short(result)).toEqual([`missing ${LAYER}`]);
});

test('a tree that takes away each time what is looked at is to be tried again', async () => {
  let at = 0;
  const work = async () => publish(`text ${at++}`, await reachedByThree());
  await expect(verifyWhile('documents', work, 20)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

/** Files of the pool that the current root does not reach. */
async function unreached(): Promise<string[]> {
  const sha256 = hash('sha256', 'gone');
  return [`pool/blobs/sha256/${sha256.slice(0, 2)}/${sha256}`];
}

/** A manifest that serial 3 reaches, or the newest one, and the next will not. */
async function reachedByThree(): Promise<string[]> {
  const view = await openTree(directoryTree(root));
  const name = view?.statement.serial === 3 ? 'fedora/httpd' : 'new';
  const document = await view?.repository(name);
  const [digest] = [...(document?.tags ?? [])]
    .filter(([tag]) => tag !== 'latest')
    .map(([, target]) => target);
  const kind = document?.manifests.get(digest ?? digestOf(''))?.kind;
  return [`pool/manifests/${kind}/sha256/${digest?.slice(7, 9)}/${digest?.slice(7)}`];
}
