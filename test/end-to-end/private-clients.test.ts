import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Crane } from '@gantry/app-crane';
import type { PrivateConfiguration } from '@gantry/service';
import type { Pulled } from '../clients/client.ts';
import { openContainerd } from '../clients/containerd.ts';
import { openDocker } from '../clients/docker.ts';
import { openPodman } from '../clients/podman.ts';
import { needs, type Part } from '../servers/parts.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { HOST, IMAGE, openPrivateScene, type PrivateScene } from './private-scene.ts';

/** What docs/private.md says of container clients, as they are seen to do it. */

const PARTS = ['nginx', 'njs'] as const;

type User = readonly [name: string, password: string];
const ALICE: User = ['alice', 'right'];
const WRONG: User = ['alice', 'wrong'];

/** A client as it is told who it is. */
interface PullingClient extends AsyncDisposable {
  pull(reference: string, user?: User): Promise<Pulled>;
  /** @param folder with the client's certificate and the authority of the server's */
  pullWith(crane: Crane, name: string, folder?: string): Promise<Pulled>;
}

const CLIENTS: readonly {
  readonly name: Part;
  readonly parts: readonly Part[];
  readonly open: () => Promise<PullingClient>;
}[] = [
  { name: 'docker', parts: ['docker', 'dockerd'], open: openKnownDocker },
  {
    name: 'podman',
    parts: ['podman'],
    open: async () => {
      const podman = await openPodman();
      return {
        pull: (reference, user) => podman.pull(reference, ...(user ? [`--creds=${user.join(':')}`] : [])),
        pullWith: (crane, name, folder) =>
          podman.pull(
            `127.0.0.1:${portOf(crane)}/${name}:latest`,
            ...(folder ? [`--cert-dir=${folder}`] : []),
          ),
        [Symbol.asyncDispose]: () => podman[Symbol.asyncDispose](),
      };
    },
  },
  {
    name: 'containerd',
    parts: ['containerd'],
    open: async () => {
      const containerd = await openContainerd();
      return {
        pull: (reference, user) => containerd.pull(reference, ...(user ? [`--user=${user.join(':')}`] : [])),
        async pullWith(crane, name, folder) {
          const host = `127.0.0.1:${portOf(crane)}`;
          await using hosts = await temporaryFolder('containerd-hosts');
          const settings = [
            `server = "https://${host}"`,
            `[host."https://${host}"]`,
            `ca = "${scene.webAuthority}"`,
            ...(folder ? [`client = [["${folder}/client.cert", "${folder}/client.key"]]`] : []),
          ];
          await mkdir(path.join(hosts.path, host));
          await writeFile(path.join(hosts.path, host, 'hosts.toml'), settings.join('\n'));
          return await containerd.pull(`${host}/${name}:latest`, `--hosts-dir=${hosts.path}`);
        },
        [Symbol.asyncDispose]: () => containerd[Symbol.asyncDispose](),
      };
    },
  },
];

/** Docker's daemon looks for certificates in /etc/docker, and not for hosts on loopback. */
async function openKnownDocker(): Promise<PullingClient> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder('docker-etc')).path;
  const etc = { docker: path.join(folder, 'docker'), hosts: path.join(folder, 'hosts') };
  await mkdir(etc.docker);
  await writeFile(etc.hosts, `127.0.0.1 localhost\n0.0.0.0 ${HOST}\n`);
  const docker = stack.use(await openDocker({ etc }));
  const resources = stack.move();
  return {
    async pull(reference, user) {
      const host = reference.slice(0, reference.indexOf('/'));
      if (user === undefined) return docker.pull(reference);
      await docker.login(host, ...user);
      try {
        return await docker.pull(reference);
      } finally {
        await docker.logout(host);
      }
    },
    async pullWith(crane, name, certificates) {
      const host = `${HOST}:${portOf(crane)}`;
      const to = path.join(etc.docker, 'certs.d', host);
      await mkdir(to, { recursive: true });
      await cp(scene.webAuthority, path.join(to, 'ca.crt'));
      if (certificates !== undefined) await cp(certificates, to, { recursive: true });
      return docker.pull(`${host}/${name}:latest`);
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

const portOf = ({ url }: Crane) => new URL(url).port;

type Outcome = 'pulled' | 'refused';

/** @throws when it failed for another reason than what it was answered */
async function outcome(pull: Promise<Pulled>): Promise<Outcome> {
  const pulled = await pull.catch((error: unknown) => {
    if (!/not found|unknown|authorize|credentials|\b40[14]\b/i.test(String(error))) throw error;
    return undefined;
  });
  if (pulled === undefined) return 'refused';
  expect(pulled).toEqual({ digest: IMAGE.digest, hello: 'private amd64' });
  return 'pulled';
}

/**
 * By where credentials are asked for: what somebody without an account gets of what is public, and whether who may read what is
 * private gets that.
 */
const ASKED: readonly {
  readonly kind: 'tokens' | 'passwords';
  readonly challenge: PrivateConfiguration['challenge'];
  readonly seen: Readonly<Record<string, readonly [open: Outcome, closed: Outcome]>>;
}[] = [
  {
    kind: 'tokens',
    challenge: ['base'],
    seen: { docker: ['pulled', 'pulled'], podman: ['pulled', 'pulled'], containerd: ['pulled', 'refused'] },
  },
  {
    kind: 'tokens',
    challenge: ['base', 'names'],
    seen: { docker: ['pulled', 'pulled'], podman: ['pulled', 'pulled'], containerd: ['pulled', 'pulled'] },
  },
  {
    kind: 'passwords',
    challenge: ['base', 'names'],
    seen: { docker: ['refused', 'pulled'], podman: ['refused', 'pulled'], containerd: ['pulled', 'pulled'] },
  },
  {
    kind: 'passwords',
    challenge: ['names'],
    seen: { docker: ['pulled', 'refused'], podman: ['pulled', 'refused'], containerd: ['pulled', 'pulled'] },
  },
];

let scene: PrivateScene;
const withScene = needs(...PARTS);
withScene.beforeAll(async () => {
  scene = await openPrivateScene();
}, 60_000);
withScene.afterAll(async () => scene?.[Symbol.asyncDispose](), 60_000);

for (const { name, parts, open } of CLIENTS) {
  const real = needs(...PARTS, ...parts);
  let client: PullingClient;
  real.beforeAll(async () => {
    client = await open();
  }, 60_000);
  real.afterAll(async () => client?.[Symbol.asyncDispose](), 60_000);

  for (const { kind, challenge, seen } of ASKED) {
    real.test(
      `${name} with ${kind}, asked for them at ${challenge.join(' and ')}`,
      async () => {
        const tokens = kind === 'tokens' && { tokens: scene.tokens };
        await using crane = await scene.start({ challenge, ...tokens });
        const pull = (repository: string, user?: User) =>
          outcome(client.pull(`127.0.0.1:${portOf(crane)}/${repository}:latest`, user));
        expect([await pull('open/app'), await pull('corp/app', ALICE)]).toEqual(seen[name]);
        expect([await pull('corp/app'), await pull('corp/app', WRONG)]).toEqual(['refused', 'refused']);
      },
      60_000,
    );
  }

  real.test(
    `${name} with a certificate`,
    async () => {
      const { certificates } = scene;
      const pull = async (repository: string, folder?: string) => {
        // Each time another, as clients keep connections.
        await using crane = await scene.start({ challenge: [], certificates }, true);
        return await outcome(client.pullWith(crane, repository, folder));
      };
      expect(await pull('open/app')).toBe('pulled');
      expect(await pull('corp/app')).toBe('refused');
      expect(await pull('corp/app', await scene.certificate('/content/corp'))).toBe('pulled');
      expect(await pull('corp/app', await scene.certificate('/content/other'))).toBe('refused');
      expect(await pull('corp/app', await scene.certificate('/content/corp', ['20', '21']))).toBe('refused');
    },
    60_000,
  );
}
