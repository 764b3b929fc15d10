import { chmod, mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { ask, startTestCrane, temporaryFolder, testLog } from '../crane.fixture.ts';
import { listFiles } from './list-files.ts';
import { askPlain, SCHEMA_2, writeFiles } from './redirect-json.fixture.ts';

/** What can not be looked at is not told absent: clients take that for final. */

const BLOB = digestOf(Buffer.from('a blob'));
const IMAGE = JSON.stringify({ schemaVersion: 2, mediaType: SCHEMA_2 });

/** Root may open any file: for a while, this process is somebody else. */
function asNobody(): Disposable {
  const former = process.geteuid?.();
  if (former !== 0) return { [Symbol.dispose]() {} };
  process.seteuid?.(65_534);
  return { [Symbol.dispose]: () => process.seteuid?.(former) };
}

/** A folder that nobody may enter, in one that everybody may read. */
async function lockedFolder() {
  await using resources = new AsyncDisposableStack();
  const base = resources.use(await temporaryFolder()).path;
  await chmod(base, 0o755);
  const locked = path.join(base, 'locked');
  await mkdir(locked);
  resources.defer(() => chmod(locked, 0o755));
  const open = resources.move();
  return {
    base,
    locked,
    lock: () => chmod(locked, 0),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

async function openContent() {
  await using resources = new AsyncDisposableStack();
  const { base, locked, lock } = resources.use(await lockedFolder());
  const file = { repository: 'zoo', 'repo-registry-id': 'redhat/zoo', url: 'http://cdn.example/zoo' };
  await writeFiles(base, {
    'data/v1.json': { ...file, version: 1, images: [{ id: 'abc123' }], tags: {} },
    'data/v2.json': { ...file, version: 2 },
    'locked/v1/zoo/abc123/layer': 'a layer',
    [`locked/v2/zoo/blobs/${BLOB}`]: 'a blob',
    'locked/v2/zoo/manifests/latest': IMAGE,
    'locked/v2/zoo/tags/list': '{}',
  });
  const logger = testLog();
  const content = {
    v1: path.join(locked, 'v1'),
    v2: path.join(locked, 'v2'),
    by: 'file',
    location: '/',
  } as const;
  const redirectJson = { directories: [path.join(base, 'data')], cdn: {}, content };
  const crane = resources.use(await startTestCrane({ redirectJson, logger }));
  const open = resources.move();
  return { base, locked, lock, crane, logger, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

test.each([
  ['a blob', `/v2/redhat/zoo/blobs/${BLOB}`, '5'],
  ['a manifest', '/v2/redhat/zoo/manifests/latest', '5'],
  ['tags', '/v2/redhat/zoo/tags/list', '5'],
  ['an image of the API of before', '/v1/images/abc123/layer', null],
])('%s that can not be looked at is unavailable, and told of', async (_what, target, retryAfter) => {
  await using scene = await openContent();
  expect((await ask(scene.crane, target)).status).toBe(200);
  await scene.lock();
  using _ = asNobody();
  const answer = await ask(scene.crane, target);
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, retryAfter]);
  const [told, ...more] = scene.logger.lines.filter(({ level }) => level === 'error');
  expect([told?.message, more]).toEqual([expect.stringMatching(/^content can not be read: .*EACCES/), []]);
});

test('a manifest that can be looked at and not read is unavailable', async () => {
  await using scene = await openContent();
  await chmod(path.join(scene.locked, 'v2/zoo/manifests/latest'), 0);
  using _ = asNobody();
  expect((await ask(scene.crane, '/v2/redhat/zoo/manifests/latest')).status).toBe(503);
});

test('what has a name that no file can have, or leads nowhere, is absent, and nothing to tell of', async () => {
  await using scene = await openContent();
  const manifests = path.join(scene.locked, 'v2/zoo/manifests');
  await symlink('circle', path.join(manifests, 'circle'));
  await symlink(path.join(scene.base, 'none'), path.join(manifests, 'dangling'));
  const redirectJson = {
    directories: [path.join(scene.base, 'data')],
    cdn: {},
    content: { v2: path.join(scene.locked, 'v2'), by: 'file', location: '/' },
  } as const;
  const { logger } = scene;
  await using compat = await startTestCrane({ compat: true, redirectJson, logger });
  for (const [crane, name] of [
    [scene.crane, 'none'],
    [scene.crane, 'circle'],
    [scene.crane, 'dangling'],
    [compat, 'x'.repeat(300)],
    [compat, '%00'],
    [compat, '%25zz'],
    [compat, 'latest/x'],
  ] as const)
    expect([name, (await askPlain(crane, `/v2/redhat/zoo/manifests/${name}`)).status]).toEqual([name, 404]);
  expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
});

test('behind a link that can not be looked at there may be redirect files: it counts as unread', async () => {
  await using folder = await lockedFolder();
  const data = path.join(folder.base, 'data');
  await mkdir(data);
  await mkdir(path.join(folder.locked, 'inner'));
  await symlink(path.join(folder.locked, 'inner'), path.join(data, 'inner'));
  await symlink(path.join(folder.locked, 'one.json'), path.join(data, 'one.json'));
  await symlink(path.join(folder.base, 'none'), path.join(data, 'dangling'));
  await folder.lock();
  using _ = asNobody();
  const { folders, ...listed } = await listFiles(data);
  expect({ ...listed, folders: [...folders.keys()] }).toEqual({
    files: [path.join(data, 'one.json')],
    folders: [data],
    unread: [path.join(data, 'inner'), path.join(data, 'one.json')],
  });
});
