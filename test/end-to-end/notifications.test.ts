import { makeSignature } from '@gantry/registry';
import type { Candidate, Page } from '../clients/gantry-api.ts';
import { helloImage, push } from '../fixtures/build-registry.ts';
import { type DockerRegistry, startDockerRegistry } from '../servers/docker-registry.ts';
import { freePort } from '../servers/free-port.ts';
import { embeddedConfiguration, type Gantry, gantry, startGantry } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';
import { answered, ask } from './world.ts';

/** A registry that tells Gantry by its webhook what happens to it. Nothing else ever asks for a sync here. */
let opened: AsyncDisposableStack;
let folder: string;
let registry: DockerRegistry;
let server: Gantry;
const real = needs('docker-registry').showing(() => [registry, server].filter((one) => one !== undefined));

const HOOK_TOKEN = 'a-token-of-the-registry';
const app = helloImage('app', { format: 'oci' });

real.beforeAll(async () => {
  opened = new AsyncDisposableStack();
  folder = opened.use(await temporaryFolder('notifications')).path;
  const port = await freePort();
  const configuration = await embeddedConfiguration({
    sources: [
      {
        name: 'builds',
        registry: `http://127.0.0.1:${port}`,
        repositories: ['candidate/**'],
        rename: { from: '^candidate/', to: '' },
      },
    ],
  });
  const { api } = configuration;
  const hook = { name: 'hook', token: HOOK_TOKEN, scopes: ['sync'] };
  server = opened.use(
    await startGantry({
      folder,
      configuration: { ...configuration, api: { ...api, tokens: [...api.tokens, hook] } },
    }),
  );
  const notify = { url: `${server.api.url}/api/v1/notifications`, authorization: `Bearer ${HOOK_TOKEN}` };
  registry = opened.use(await startDockerRegistry({ port, notify }));
}, 60_000);

real.afterAll(async () => opened?.disposeAsync(), 60_000);

async function candidatesOf(tag: string): Promise<readonly Candidate[]> {
  const { body } = await server.api.call<Page<Candidate>>(
    'GET',
    `/api/v1/candidates?repository=app&tag=${tag}`,
  );
  return body.items;
}

real.test(
  'a tag that is pushed is a candidate, though nothing of the registry is listed',
  async () => {
    for (const tag of ['1.0', '1.1']) await push(registry, 'candidate/app', app, tag);
    await push(registry, 'private/app', app, '1.0');
    for (const tag of ['1.0', '1.1']) {
      const [candidate] = await until(`candidate ${tag}`, async () => {
        const found = await candidatesOf(tag);
        return found.length > 0 && found;
      });
      expect(candidate).toMatchObject({
        digest: app.digest,
        sourceRepository: 'candidate/app',
        goneAt: null,
      });
    }
    expect(registry.requests().filter((request) => /_catalog|tags\/list/.test(request))).toEqual([]);
    const all = await server.api.candidates();
    expect(all.map(({ repository, tag }) => `${repository}:${tag}`).toSorted()).toEqual([
      'app:1.0',
      'app:1.1',
    ]);
  },
  60_000,
);

real.test(
  'a signature that is pushed later comes to its image',
  async () => {
    const tag = `${app.digest.replace(':', '-')}.sig`;
    const signature = makeSignature('app', app);
    await push(registry, 'candidate/app', signature, tag);
    await until('the signature', async () => {
      const [candidate] = await candidatesOf('1.0');
      return candidate?.companions.some((companion) => companion.digest === signature.digest);
    });
  },
  60_000,
);

real.test(
  'a tag that is deleted is noted and shown, and nothing is unpublished by it; pushed again it is there again',
  async () => {
    const promoted = await server.api.promote('stable', [{ repository: 'app', reference: '1.0' }]);
    expect(promoted.state).toBe('done');
    await answered(server, 'app/manifests/1.0', 200);
    await fetch(`${registry.url}/v2/candidate/app/manifests/${app.digest}`, { method: 'DELETE' });
    await until('the tag to be gone', async () => (await candidatesOf('1.0'))[0]?.goneAt !== null);
    expect((await ask(server, 'app/manifests/1.0')).status).toBe(200);
    const table = await gantry(folder, ['candidates', '--repository', 'app']);
    expect(table.stdout).toMatch(/^app +1\.0 .* 20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ +20\d\d-/m);

    await push(registry, 'candidate/app', app, '1.0');
    await until('the tag to be there again', async () => (await candidatesOf('1.0'))[0]?.goneAt === null);
  },
  60_000,
);
