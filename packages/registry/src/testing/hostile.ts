import type { IncomingHttpHeaders } from 'node:http';
import { openRegistry } from '../client.ts';
import { makeImage, makeLayer } from '../in-process/image-maker.ts';
import { createInProcessRegistry, type InProcessOptions } from '../in-process/in-process-registry.ts';
import type { RegistryOptions } from '../options.ts';
import type { Registry } from '../registry.ts';
import { all } from './caught.ts';
import { instantClock } from './instant-clock.ts';
import { serve, type Served } from './serve.ts';

export const user = { username: 'bot', password: 'hunter2' };
export const layer = makeLayer([{ path: '/a', content: 'a' }]);
export const image = makeImage({ platform: { os: 'linux', architecture: 'amd64' }, layers: [layer] });
/** Where the registry is, as far as its client knows. */
export const NAME = 'registry.example.org';
/** Everything lies on this machine, whatever its name, which no source is allowed to know. */
export const toLoopback = () => Promise.resolve([{ address: '127.0.0.1', family: 4 as const }]);

const SECRET = ['authorization', 'cookie', 'proxy-authorization', 'referer'];

/** The names of headers that carry credentials, or tell where the client was. */
export function secretsIn(headers: IncomingHttpHeaders | undefined): string[] {
  return Object.keys(headers ?? {}).filter((name) => SECRET.includes(name) || /^x-.*token$/.test(name));
}

export interface Hostile extends AsyncDisposable {
  readonly server: Served;
  readonly client: Registry;
}

/** A registry under a name, with `team/app:1`, and its client, which has a user. */
export async function openHostile(
  upstream: InProcessOptions,
  options: Partial<RegistryOptions> = {},
): Promise<Hostile> {
  const registry = createInProcessRegistry(upstream);
  registry.push('team/app', image, '1');
  const server = await serve(registry.handler);
  const client = openRegistry({
    name: 'builds',
    url: `http://${NAME}:${server.port}`,
    credentials: user,
    clock: instantClock(),
    environment: {},
    resolve: toLoopback,
    ...options,
  });
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A server that answers anything, and tries to leave a cookie. */
export function attacker(): Promise<Served> {
  return serve((_, response) => {
    response.setHeader('set-cookie', 'a=b');
    response.end(JSON.stringify({ token: 'stolen', tags: [], repositories: [], manifests: [] }));
  });
}

/** Addresses that are no public ones, in every way of writing them; `port` is the attacker's. */
export const inside = (port: number) => [
  'http://169.254.169.254/latest/meta-data',
  'http://[::ffff:a9fe:a9fe]/latest',
  'http://[::ffff:169.254.169.254]/latest',
  'http://[fd00:ec2::254]/latest',
  'http://100.100.100.200/latest',
  `http://127.0.0.1:${port}/x`,
  `http://2130706433:${port}/x`,
  `http://0177.0.0.1:${port}/x`,
  `http://0x7f.1:${port}/x`,
  `http://127.1:${port}/x`,
  `http://%31%32%37.0.0.1:${port}/x`,
  `http://%E2%91%A0%E2%91%A1%E2%91%A6.0.0.1:${port}/x`,
  `http://0.0.0.0:${port}/x`,
  `http://0:${port}/x`,
  `http://[::]:${port}/x`,
  `http://[::1]:${port}/x`,
  `http://[::ffff:127.0.0.1]:${port}/x`,
  `http://[64:ff9b::7f00:1]:${port}/x`,
  `http://localhost:${port}/x`,
  `http://LOCALHOST.:${port}/x`,
  `http://${NAME}.localhost:${port}/x`,
  'http://10.0.0.1/x',
  'http://192.168.1.1/x',
  'http://[fe80::1]/x',
];

/** Each call of a client. */
export const CALLS: readonly [string, (client: Registry) => Promise<unknown>][] = [
  ['HEAD of a manifest', (client) => client.head('team/app', '1')],
  ['manifest', (client) => client.manifest('team/app', '1')],
  ['blob', (client) => client.blob('team/app', layer.digest)],
  ['rest of a blob', (client) => client.blob('team/app', layer.digest, 10)],
  ['list of tags', (client) => all(client.tags('team/app'))],
  ['catalogue', (client) => all(client.repositories())],
  ['list of referrers', (client) => client.referrers('team/app', image.digest)],
];
