import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePort } from './free-port.ts';
import { type ServerProcess, startProcess } from './process.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** The one account of a registry with `auth`. The hash is bcrypt of the password, made once. */
export const REGISTRY_ACCOUNT = { username: 'builder', password: 'build-only' } as const;
const HTPASSWD = 'builder:$2y$05$abcdefghijklmnopqrstuur5WgEHJ7Hl3iEDAmWGixsjds4gs6q0S\n';

/** Debian's docker-registry (distribution 2.8), as a build registry. */
export interface DockerRegistry extends ServerProcess {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** `127.0.0.1:PORT`, as it stands in references. */
  readonly host: string;
  /** The folder with its content. */
  readonly folder: string;
  /** Its answered requests so far, `GET /v2/a/manifests/1` each, in order. */
  requests(): string[];
}

export interface DockerRegistryOptions {
  /** Whether only the account may push; else anybody may. */
  readonly auth?: boolean;
  readonly port?: number;
  /** Whom it tells of what happens, and what it sends as `Authorization`. */
  readonly notify?: { readonly url: string; readonly authorization: string };
}

/** Starts one on a free port, with storage of its own. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const folder = await temporaryFolder('registry');
  const port = options.port ?? (await freePort());
  const host = `127.0.0.1:${port}`;
  const configuration = {
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: false } },
    storage: { filesystem: { rootdirectory: path.join(folder.path, 'content') }, delete: { enabled: true } },
    http: { addr: host },
    ...(options.auth === true
      ? { auth: { htpasswd: { realm: 'build', path: path.join(folder.path, 'htpasswd') } } }
      : {}),
    ...(options.notify === undefined ? {} : { notifications: { endpoints: [endpoint(options.notify)] } }),
  };
  await writeFile(path.join(folder.path, 'htpasswd'), HTPASSWD);
  await writeFile(path.join(folder.path, 'config.yml'), JSON.stringify(configuration)); // JSON is YAML too
  const server = await startProcess({
    name: 'docker-registry',
    command: 'docker-registry',
    args: ['serve', path.join(folder.path, 'config.yml')],
    env: { PATH: process.env['PATH'], OTEL_TRACES_EXPORTER: 'none' },
    ready: async () => {
      const { status } = await fetch(`http://${host}/v2/`);
      return status === 200 || status === 401;
    },
  });
  return {
    ...server,
    url: `http://${host}`,
    host,
    folder: folder.path,
    requests: () =>
      [...server.log().matchAll(/"((?:GET|HEAD|PUT|POST|PATCH|DELETE) \S+) HTTP/g)].map(
        (match) => match[1] as string,
      ),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** As docs/configuration.md tells people to write it. */
function endpoint({ url, authorization }: NonNullable<DockerRegistryOptions['notify']>): object {
  return {
    name: 'gantry',
    url,
    headers: { Authorization: [authorization] },
    timeout: '5s',
    threshold: 5,
    backoff: '1s',
    ignore: { mediatypes: ['application/octet-stream'], actions: ['pull'] },
  };
}
