import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { ask, startTestCrane, temporaryFolder, testLog } from '../crane.fixture.ts';

// What lies where the tree should be may become one: a crane waits for it, is not ready, and says why.

const NOT_YET = 'nothing is published yet';
const REFUSED = 'the tree was refused or can not be read';

test.each([
  ['a folder of other files', { 'index.html': 'welcome' }, NOT_YET, 'has no serial/current.json'],
  ['no folder', {}, NOT_YET, 'has no serial/current.json'],
  ['a folder whose pointer is none', { 'serial/current.json': 'welcome' }, REFUSED, 'serial/current.json of'],
  [
    'a tree of a newer format',
    { 'serial/current.json': '{"format":99,"type":"gantry-serial"}' },
    REFUSED,
    'of format 99, and this version of Gantry reads up to 1: a newer one is needed',
  ],
])('with %s for a tree a crane starts, is not ready, and its log says why', async (_, files, why, told) => {
  await using folder = await temporaryFolder();
  const tree = path.join(folder.path, 'tree');
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(tree, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  expect(await look(tree, told)).toEqual(waiting(why));
});

test.each([
  ['answers all with a page', 200, REFUSED, 'serial/current.json of'],
  ['has nothing of a tree', 404, NOT_YET, 'has no serial/current.json'],
  ['wants a password', 401, REFUSED, '401'],
])('with an address for a tree that %s it does so, too', async (_, status, why, told) => {
  const server = createServer((_request, response) => void response.writeHead(status).end('<p>welcome</p>'));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    expect(await look(`http://127.0.0.1:${port}/tree`, told)).toEqual(waiting(why));
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

const waiting = (why: string) => ({
  told: 1, // not once a look
  ready: [503, expect.stringContaining(why)],
  status: why === NOT_YET ? 404 : 503,
});

/** What a crane on this tree says of it, to whom. */
async function look(tree: string, told: string) {
  const logger = testLog();
  await using crane = await startTestCrane({ tree, logger, adminListen: { host: '127.0.0.1', port: 0 } });
  await crane.refresh();
  const ready = await fetch(`${crane.adminUrl}/readyz`);
  return {
    told: logger.lines.filter(({ message }) => message.includes(told)).length,
    ready: [ready.status, await ready.text()],
    status: (await ask(crane, '/v2/app/manifests/latest')).status,
  };
}
