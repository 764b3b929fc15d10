import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import { type ServerProcess, startProcess } from './process.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** The rules that the project ships for admins of mirrors. */
export const SHIPPED_RULES = fileURLToPath(new URL('../../scripts/mirror/nginx.conf', import.meta.url));

/** nginx's own JavaScript, which checks signed URLs. */
export const NJS = '/usr/lib/nginx/modules/ngx_http_js_module.so';

/** One request that nginx has answered. */
export interface AnsweredRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

/** A web server that serves a folder as a mirror does. */
export interface Nginx extends ServerProcess {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** `https://127.0.0.1:PORT`; undefined without a certificate. */
  readonly secureUrl: string | undefined;
  /** What it has answered so far, in order. */
  requests(): Promise<AnsweredRequest[]>;
  /** Forgets the requests so far. */
  forgetRequests(): Promise<void>;
}

export interface NginxOptions {
  /** The folder to serve. */
  readonly root: string;
  /**
   * Whether the shipped rules for mirrors are included, or the file of others; without them it is nginx as a distribution
   * sets it up.
   */
  readonly rules: boolean | string;
  /** A file that is included outside of the server, before it. */
  readonly http?: string;
  /** Modules that are loaded, as files. */
  readonly modules?: readonly string[];
  readonly port?: number;
  /** The files of a certificate and its key, to serve by https as well. */
  readonly certificate?: { readonly cert: string; readonly key: string };
}

export async function startNginx({
  root,
  rules,
  http,
  modules = [],
  port: wanted,
  certificate,
}: NginxOptions): Promise<Nginx> {
  const folder = await temporaryFolder('nginx');
  const port = wanted ?? (await freePort());
  const secure = certificate && { ...certificate, port: await freePort() };
  const accessLog = path.join(folder.path, 'access.log');
  await writeFile(
    path.join(folder.path, 'nginx.conf'),
    configuration({
      root,
      rules,
      port,
      modules,
      folder: folder.path,
      ...(http !== undefined && { http }),
      ...(secure !== undefined && { secure }),
    }),
  );
  await mkdir(path.join(folder.path, 'temporary'));
  const url = `http://127.0.0.1:${port}`;
  const server = await startProcess({
    name: rules === false ? 'plain nginx' : 'nginx with the shipped rules',
    command: 'nginx',
    args: ['-p', folder.path, '-e', 'stderr', '-c', path.join(folder.path, 'nginx.conf')],
    ready: async () => (await fetch(`${url}/`, { method: 'HEAD' })).status > 0,
  });
  const requests = async () => {
    const lines = (await readFile(accessLog, 'utf8')).trim().split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as AnsweredRequest);
  };
  const forgetRequests = () => writeFile(accessLog, '');
  await forgetRequests();
  return {
    ...server,
    url,
    secureUrl: secure && `https://127.0.0.1:${secure.port}`,
    requests,
    forgetRequests,
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

interface Given extends NginxOptions {
  readonly port: number;
  readonly secure?: { readonly cert: string; readonly key: string; readonly port: number };
  readonly folder: string;
}

/** All that nginx writes goes below its own folder; it needs none of the system's settings but the table of types. */
function configuration(given: Given): string {
  const { secure } = given;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
${(given.modules ?? []).map((module) => `load_module ${module};`).join('\n')}
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''} # the folders of the tests are their owner's alone
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 512; }
http {
  ${temporary.map((kind) => `${kind}_temp_path ${path.join(given.folder, 'temporary', kind)};`).join('\n  ')}
  ${existsSync('/etc/nginx/mime.types') ? 'include /etc/nginx/mime.types;' : ''}
  default_type application/octet-stream;
  gzip on; # as Debian has it
  log_format asked escape=json '{"method":"$request_method","path":"$request_uri","status":$status}';
  access_log ${path.join(given.folder, 'access.log')} asked;
  ${given.http === undefined ? '' : `include ${given.http};`}
  server {
    listen 127.0.0.1:${given.port};
    ${secure === undefined ? '' : `listen 127.0.0.1:${secure.port} ssl; ssl_certificate ${secure.cert}; ssl_certificate_key ${secure.key};`}
    root ${given.root};
    ${given.rules === false ? '' : `include ${given.rules === true ? SHIPPED_RULES : given.rules};`}
  }
}
`;
}
