import { once } from 'node:events';
import { readdir, readlink } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { layTree } from '@gantry/tree';
import {
  ask,
  repositoryOf,
  sampleImage,
  startTestCrane,
  temporaryFolder,
  testLog,
  until,
} from '../crane.fixture.ts';

/** Files below a folder that this process has open. */
async function openFiles(folder: string): Promise<string[]> {
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return links.filter((link) => link.startsWith(folder));
}

test('a client that goes away in the middle of a blob leaves nothing open, and is no error', async () => {
  await using folder = await temporaryFolder();
  const image = sampleImage({ sizeBytes: 20_000_000 });
  await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
  const logger = testLog();
  await using crane = await startTestCrane({ tree: folder.path, logger });
  const request = get(`${crane.url}/v2/app/blobs/${image.layer}`);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  await once(response, 'readable');
  expect(await openFiles(folder.path)).toHaveLength(1);
  request.destroy();
  await until(async () => (await openFiles(folder.path)).length === 0);
  expect((await ask(crane, '/v2/')).status).toBe(200);
  expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
});
