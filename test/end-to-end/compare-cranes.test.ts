import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startCrane } from '@gantry/app-crane';
import { startPulpCrane } from '../servers/pulp-crane.ts';
import { attempt } from '../servers/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

/** What scripts/from-pulp/compare-cranes says of the old crane and a new one: the guide's proof that nothing is lost. */

const SCRIPT = fileURLToPath(new URL('../../scripts/from-pulp/compare-cranes', import.meta.url));
const opened = new AsyncDisposableStack();
let folder: TemporaryFolder;
let content: string;

beforeAll(async () => {
  folder = opened.use(await temporaryFolder('compare-cranes'));
  const server = createServer(({ url = '' }, response) => {
    const isList = url.endsWith('/tags/list');
    response.writeHead(isList ? 200 : 404).end(isList ? '{"name":"x","tags":["latest"]}' : '');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  opened.defer(() => void server.close());
  content = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => opened.disposeAsync());

const fileOf = (name: string, more: object = {}) => ({
  version: 4,
  repository: name,
  'repo-registry-id': name,
  url: `${content}/${name}/`,
  schema2_data: ['latest'],
  manifest_list_data: [],
  manifest_list_amd64_tags: {},
  ...more,
});

/** A `data_dir` with these files. */
async function written(place: string, files: readonly { readonly repository: string }[]): Promise<string> {
  const data = path.join(folder.path, place);
  await mkdir(data);
  for (const file of files)
    await writeFile(path.join(data, `${file.repository.replaceAll('/', '+')}.json`), JSON.stringify(file));
  return data;
}

const ZOO = 'redhat/zoo';
const cases = [
  {
    that: 'has the same files',
    old: () => [fileOf(ZOO)],
    now: () => [fileOf(ZOO)],
    code: 0,
    said: '12 asked, 0 differ\n',
  },
  {
    that: 'refuses a file',
    old: () => [fileOf(ZOO), fileOf('redhat/lost')],
    now: () => [fileOf(ZOO), fileOf('redhat/lost', { url: `${content}/lost and found/` })],
    code: 1,
    said: 'redhat/lost: old lists it, new does not\n12 asked, 1 differ\n',
  },
  {
    that: 'has a name of its own',
    old: () => [fileOf(ZOO)],
    now: () => [fileOf(ZOO), fileOf('redhat/more')],
    code: 1,
    said: 'redhat/more: new lists it, old does not\n12 asked, 1 differ\n',
  },
  {
    that: 'shows what the old one protects',
    old: () => [fileOf(ZOO), fileOf('redhat/secret', { protected: true })],
    now: () => [fileOf(ZOO), fileOf('redhat/secret')],
    code: 1,
    said: 'redhat/secret: new lists it, old does not\n12 asked, 1 differ\n',
  },
  {
    that: 'protects the same name',
    old: () => [fileOf(ZOO), fileOf('redhat/secret', { protected: true })],
    now: () => [fileOf(ZOO), fileOf('redhat/secret', { protected: true })],
    code: 0,
    said: '12 asked, 0 differ\n',
  },
  {
    that: 'redirects to another place',
    old: () => [fileOf(ZOO)],
    now: () => [fileOf(ZOO, { url: 'http://elsewhere.example/' })],
    code: 1,
    said: '\n12 asked, 12 differ\n',
  },
] as const;

test.each(cases)('a new crane that $that', async ({ that, old, now, code, said }) => {
  await using pulps = await startPulpCrane(await written(`${that}, old`, old()));
  await using crane = await startCrane({
    listen: { host: '127.0.0.1', port: 0 },
    redirectJson: { directories: [await written(`${that}, new`, now())], cdn: {} },
    compat: true,
    pollMs: 1000,
    status: 302,
    manifests: 'auto',
    mirrors: [],
    logger: { info() {}, warn() {}, error() {} },
  });
  const outcome = await attempt('sh', [SCRIPT, `http://${pulps.host}`, crane.url]);
  expect(outcome).toMatchObject({ code, stderr: '', stdout: expect.stringContaining(said) as string });
});

test('a crane that does not list its names is exit 2, and says what to do', async () => {
  const outcome = await attempt('sh', [SCRIPT, content, content]);
  expect(outcome).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/does not list its repositories .*: name those to ask for/) as string,
  });
});
