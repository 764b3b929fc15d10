import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { contentTypeOf, POINTER_PATH } from '@gantry/tree';

/** A web server of a folder, as mirrors are: with the right types, HEAD and ranges. */
export interface MirrorServer extends AsyncDisposable {
  readonly folder: string;
  readonly url: string;
  /** `METHOD path` of each request so far, with its query. */
  readonly requests: string[];
  /** Content-Type of everything; absent: the right one. */
  contentType?: string;
  /** Makes it what the folder is now; the pointer last. */
  copyFrom(folder: string): Promise<void>;
}

export async function startMirrorServer(folder: string): Promise<MirrorServer> {
  const requests: string[] = [];
  await mkdir(folder, { recursive: true });
  const server = createServer(async (request, response) => {
    const name = (request.url ?? '/').slice(1);
    requests.push(`${request.method} ${name}`);
    try {
      const bytes = await readFile(path.join(folder, name.replace(/\?.*/, '')));
      const range = /^bytes=0-(\d+)$/.exec(request.headers.range ?? '');
      const part = range === null ? bytes : bytes.subarray(0, Number(range[1]) + 1);
      response.writeHead(range === null ? 200 : 206, {
        'content-type': mirror.contentType ?? contentTypeOf(name) ?? 'application/octet-stream',
        'content-length': part.length,
      });
      response.end(request.method === 'HEAD' ? undefined : part);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const mirror: MirrorServer = {
    folder,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async copyFrom(master) {
      const isPointer = (source: string) => source === path.join(master, POINTER_PATH);
      await cp(master, folder, { recursive: true, filter: (source) => !isPointer(source) });
      await rm(path.join(folder, POINTER_PATH), { force: true });
      await cp(path.join(master, POINTER_PATH), path.join(folder, POINTER_PATH));
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return mirror;
}
