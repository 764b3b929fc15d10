import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, isIP } from 'node:net';
import path from 'node:path';
import type { Certificate } from './certificates.ts';

/** A host that a MirrorManager knows: the addresses that its copy of the tree has, the same by different protocols. */
export type ListedHost = readonly string[];

/**
 * Answers as MirrorManager's mirrorlist-server does (github.com/adrianreber/mirrorlist-server): it knows folders and hosts, and
 * no files; it decodes no escapes in a query, and cuts values at a second "="; what it does not understand it
 * answers with 200 and a text.
 */
export interface Mirrorlist extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/mirrorlist`, or `https` */
  readonly url: string;
  /** Taken in turn, where the real one shuffles. */
  hosts: readonly ListedHost[];
  /** Where it leads to in place of a host of its own, whatever protocol was asked for. */
  astray: string | undefined;
  /** Whether it takes each request for one that lacks its parameters. */
  isConfused: boolean;
  /** The query of each request. */
  readonly queries: string[];
  /** Takes the folders anew: those that are there, links to folders not. */
  scan(): Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly location?: string;
}

/**
 * @param name the folder's name in paths, as `gantry`
 * @param tls absent: it speaks http
 */
export async function startMirrorlist(master: string, name: string, tls?: Certificate): Promise<Mirrorlist> {
  const state = {
    hosts: [] as readonly ListedHost[],
    astray: undefined as string | undefined,
    isConfused: false,
    queries: [] as string[],
  };
  let folders: ReadonlySet<string> = new Set();
  let turn = 0;

  const answer = (request: IncomingMessage): Reply => {
    const [place = '', query = ''] = (request.url ?? '').split('?');
    if (!/\/(?:mirrorlist|metalink)$/.test(place))
      return { status: 404, text: "We don't serve their kind here!" };
    state.queries.push(query);
    const parameters = new Map(
      query.split('&').map((one) => [one.split('=')[0] ?? '', one.split('=')[1] ?? ''] as const),
    );
    const asked = parameters.get('path');
    if (asked === undefined || state.isConfused)
      return { status: 200, text: '# either path=, or repo= and arch= must be specified' };
    const wanted = asked.replaceAll(/\/+/g, '/').replaceAll(/^\/|\/$/g, '');
    const isFolder = folders.has(wanted);
    const folder = isFolder ? wanted : path.posix.dirname(wanted);
    if (!folders.has(folder)) return { status: 404, text: 'error: invalid path' };
    const forwarded = request.headers['x-forwarded-for'];
    const client =
      parameters.get('ip') ??
      String(forwarded ?? '127.0.0.1')
        .split(', ')
        .at(-1) ??
      '';
    if (isIP(client) === 0) return { status: 500, text: 'Cannot parse client IP address. Aborting.' };
    return named(parameters, isFolder ? wanted : folder, isFolder ? '' : path.posix.basename(wanted));
  };

  const named = (parameters: ReadonlyMap<string, string>, folder: string, file: string): Reply => {
    const protocols = parameters.get('protocol')?.split(',') ?? ['https', 'http'];
    const hosts = state.hosts.flatMap((addresses) => {
      const fitting = addresses.filter((one) => protocols.includes(new URL(one).protocol.slice(0, -1)));
      return fitting.slice(0, 1);
    });
    const below = folder.slice(name.length);
    if (!parameters.has('redirect'))
      return { status: 200, text: hosts.map((base) => `${base}${below}/${file}\n`).join('') };
    const base = state.astray ?? hosts[turn++ % hosts.length];
    if (base === undefined) return { status: 404, text: '' };
    return { status: 302, text: '', location: `${base}${below}/${file}` };
  };

  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const { status, text, location } = answer(request);
    response.writeHead(status, {
      'Content-Type': 'text/plain',
      ...(location !== undefined && { Location: location }),
    });
    response.end(request.method === 'HEAD' ? undefined : text);
  };
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const list = Object.assign(state, {
    url: `http${tls === undefined ? '' : 's'}://127.0.0.1:${(server.address() as AddressInfo).port}/mirrorlist`,
    async scan() {
      const entries = await readdir(master, { recursive: true, withFileTypes: true });
      const found = entries.filter((entry) => entry.isDirectory());
      const below = found.map((entry) => path.relative(master, path.join(entry.parentPath, entry.name)));
      folders = new Set([name, ...below.map((one) => `${name}/${one}`)]);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  await list.scan();
  return list;
}
