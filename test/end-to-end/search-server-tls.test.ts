import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { makeAuthority } from '../servers/certificates.ts';
import { embeddedConfiguration, startGantry } from '../servers/gantry.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

/** A Solr by https, whose certificate an authority of one's own has signed. */

const NAME = 'corp/app';
const ANSWER = JSON.stringify({
  response: { docs: [{ documentKind: 'ImageRepository', allTitle: NAME, ir_description: 'Sold here' }] },
});

test('it is asked when its authority is known, and not a word is told to it before', async () => {
  await using folder = await temporaryFolder('search-server-tls');
  const authority = makeAuthority('Authority of the company');
  const asked: (string | undefined)[] = [];
  const server = createServer(authority.issue('solr'), ({ url }, response) => {
    asked.push(url);
    response.end(ANSWER);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const file = (name: string) => path.join(folder.path, name);
  await mkdir(file('metadata'));
  const redirects = {
    version: 2,
    repository: NAME,
    'repo-registry-id': NAME,
    url: 'https://cdn.example/app',
  };
  await writeFile(file('metadata/app.json'), JSON.stringify(redirects));
  await writeFile(file('authority.pem'), authority.cert);

  const search = async (env: NodeJS.ProcessEnv) => {
    const configuration = await embeddedConfiguration({
      crane: {
        redirectJson: [file('metadata')],
        search: { solr: { url: `https://127.0.0.1:${port}/select?q={0}`, timeout: '30s' } },
      },
    });
    await using crane = await startGantry({ folder: folder.path, service: 'crane', configuration, env });
    const answer = await fetch(`http://${crane.crane}/v1/search?q=app`);
    return [answer.status, await answer.text()];
  };
  try {
    expect(await search({})).toEqual([503, 'the search server can not be asked just now']);
    expect(asked).toEqual([]);
    expect(await search({ NODE_EXTRA_CA_CERTS: file('authority.pem') })).toEqual([
      200,
      expect.stringContaining('"description":"Sold here"'),
    ]);
    expect(asked).toEqual(['/select?q=app']);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}, 60_000);
