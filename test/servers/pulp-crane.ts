import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

/** A redirect file of version 4. */
interface RedirectFile {
  readonly version: number;
  readonly 'repo-registry-id': string;
  readonly repository: string;
  readonly url: string;
  readonly protected?: boolean;
  readonly schema2_data: readonly string[];
  readonly manifest_list_data: readonly string[];
  readonly manifest_list_amd64_tags: Readonly<Record<string, readonly [string, number]>>;
}

/** What is missing in a file keeps Crane from loading it. */
const REQUIRED = [
  'repo-registry-id',
  'repository',
  'url',
  'schema2_data',
  'manifest_list_data',
  'manifest_list_amd64_tags',
] as const;

const LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const SCHEMA_2 = 'application/vnd.docker.distribution.manifest.v2+json';

/** Redirects as Pulp's Crane does, which is Python 2 and not to be had any more: its rules, written down anew. */
export interface PulpCrane extends AsyncDisposable {
  /** `127.0.0.1:PORT`, as it stands in references. */
  readonly host: string;
}

/** @param dataFolder Crane's `data_dir`, read anew for each request */
export async function startPulpCrane(dataFolder: string): Promise<PulpCrane> {
  const server = createServer((request, response) => {
    const answer = async () => {
      const asked = new URL(request.url ?? '/', 'http://crane').pathname;
      if (asked === '/v2/') return response.end('{}');
      if (asked === '/crane/repositories/v2') {
        const isJson = request.headers.accept === 'application/json';
        return response.end(isJson ? await listed(dataFolder) : '<!DOCTYPE html>');
      }
      const location = await locate(dataFolder, decodeURIComponent(asked), request.headers.accept);
      if (location === undefined) return response.writeHead(404).end();
      return response.writeHead(302, { location }).end();
    };
    answer().catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

async function locate(
  dataFolder: string,
  asked: string,
  accept: string | undefined,
): Promise<string | undefined> {
  // The rightmost of these words ends the name.
  const [, name, rest] = /^\/v2\/(.*)\/((?:tags|manifests|blobs)(?:\/.*)?)$/.exec(asked) ?? [];
  const file = (await readAll(dataFolder)).get(name ?? '');
  if (file === undefined || file.protected === true || rest === undefined) return undefined;
  const base = file.url.endsWith('/') ? file.url : `${file.url}/`;
  const [kind, id = ''] = rest.split('/');
  return base + (kind === 'manifests' ? manifestPath(file, id, accept ?? '') : rest);
}

/** views/crane.py, in the form of Python's json.dumps: protected names are listed, too. */
async function listed(dataFolder: string): Promise<string> {
  const members = [...(await readAll(dataFolder)).values()].map(
    (file) => `"${file['repo-registry-id']}": {"protected": ${file.protected ?? false}}`,
  );
  return `{${members.join(', ')}}`;
}

/** views/v2.py, `name_serve_or_redirect` */
function manifestPath(file: RedirectFile, id: string, accept: string): string {
  const accepted = new Set(accept.split(',').map((type) => type.split(';')[0]?.trim()));
  const { schema2_data: schema2, manifest_list_data: lists, manifest_list_amd64_tags: amd64 } = file;
  const old = `manifests/1/${id}`;
  if (schema2.length === 0 && lists.length === 0) return old;
  if (accepted.has(LIST) && lists.includes(id)) return `manifests/list/${id}`;
  const image = Object.hasOwn(amd64, id) ? amd64[id] : undefined;
  if (image !== undefined) {
    const [digest, version] = image;
    if (accepted.has(SCHEMA_2)) return `manifests/${version}/${digest}`;
    return version === 1 ? `manifests/1/${digest}` : old;
  }
  return accepted.has(SCHEMA_2) && schema2.includes(id) ? `manifests/2/${id}` : old;
}

async function readAll(dataFolder: string): Promise<Map<string, RedirectFile>> {
  const names = (await readdir(dataFolder, { recursive: true })).filter((name) => name.endsWith('.json'));
  const files = await Promise.all(names.map((name) => readRedirectFile(path.join(dataFolder, name))));
  return new Map(files.map((file) => [file['repo-registry-id'], file]));
}

async function readRedirectFile(file: string): Promise<RedirectFile> {
  const read = JSON.parse(await readFile(file, 'utf8')) as RedirectFile;
  const missing = REQUIRED.filter((key) => read[key] === undefined);
  if (read.version !== 4 || missing.length > 0)
    throw new Error(`${file} is of version ${read.version}, and lacks ${missing.join() || 'nothing'}`);
  return read;
}
