import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { digestOf } from '@gantry/oci';
import { blobPath } from '@gantry/tree';
import { chooseMirror } from '../choose/choose-mirror.ts';
import { type MirrorOptions, type MirrorState, readMirrors } from '../choose/mirror.ts';
import { type Network, parseNetwork } from '@gantry/service';
import { type Clients, createClients } from './clients.ts';

const MIRRORS: readonly Partial<MirrorOptions>[] = [
  { name: 'anybody' },
  { name: 'campus', networks: ['192.0.2.0/24'], private: true },
  { name: 'germany', countries: ['DE'], weight: 1 },
];
const LOOPBACK = ['127.0.0.0/8', '::1'].map((text) => parseNetwork(text) as Network);
const mirrors = readMirrors(MIRRORS.map((option) => ({ name: '', url: 'https://m.example/', ...option })));
const states = mirrors.map((mirror) => ({ mirror, healthy: true, serial: 1, kinds: new Set<never>() }));

/** Asks a real server over one connection, with one X-Forwarded-For a request; gives the names of the mirrors chosen. */
async function choices(
  clients: Clients,
  said: readonly (string | Readonly<Record<string, string>> | undefined)[],
  known: readonly MirrorState[] = states,
): Promise<string[]> {
  const chosen: string[] = [];
  const server = createServer((request, response) => {
    const digest = digestOf(`${chosen.length}`);
    const wanted = { repository: 'a', digest, path: blobPath(digest), size: 1, since: 1 };
    chosen.push(chooseMirror(known, wanted, clients(request))?.mirror.name ?? 'none');
    response.end();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  try {
    for (const forwarded of said) {
      await new Promise<void>((resolve, reject) => {
        const headers = typeof forwarded === 'string' ? { 'x-forwarded-for': forwarded } : { ...forwarded };
        const { port } = server.address() as AddressInfo;
        get({ port, host: '127.0.0.1', headers }, (reply) => reply.resume().on('end', resolve)).on(
          'error',
          reject,
        );
      });
    }
    return chosen;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('a trusted proxy says whom it asks for, and each gets what is near to it', async () => {
  const clients = createClients({
    mirrors,
    trustedProxies: LOOPBACK,
    findPlace: ({ words }) => (words[0] === (0xc6336407 | 0) ? { country: 'DE', continent: 'EU' } : {}),
  });
  expect(await choices(clients, ['192.0.2.9', '198.51.100.7', '192.0.2.9'])).toEqual([
    'campus',
    'germany',
    'campus',
  ]);
});

test('what a client says of itself counts for nothing', async () => {
  const clients = createClients({ mirrors, trustedProxies: [] });
  const chosen = await choices(clients, ['192.0.2.9', undefined]);
  expect(chosen).not.toContain('campus');
});

test('where nobody is near to anybody, nobody is looked for', async () => {
  const clients = createClients({
    mirrors: readMirrors([{ name: 'anybody', url: 'https://m.example/' }]),
    trustedProxies: LOOPBACK,
    findPlace: () => {
      throw new Error('looked for');
    },
  });
  expect(await choices(clients, ['192.0.2.9'])).toEqual(['anybody']);
});

test('who came to a proxy by https is never sent to an http mirror, however near', async () => {
  const mixed = readMirrors([
    { name: 'plain', url: 'http://plain.example/', networks: ['192.0.2.0/24'] },
    { name: 'secure', url: 'https://secure.example/', weight: 1 },
    { name: 'heavy', url: 'http://heavy.example/', weight: 1_000_000 },
  ]);
  const mixedStates = mixed.map((mirror) => ({ ...(states[0] as MirrorState), mirror }));
  const address = { 'x-forwarded-for': '192.0.2.9' };
  const asked = [
    { ...address, 'x-forwarded-proto': 'http' },
    { ...address, 'x-forwarded-proto': 'https' },
    { ...address, 'x-forwarded-proto': 'HTTPS, http' },
    { 'x-forwarded-proto': 'https' },
  ];
  const clients = createClients({ mirrors: mixed, trustedProxies: LOOPBACK });
  expect(await choices(clients, asked, mixedStates)).toEqual(['plain', 'secure', 'secure', 'secure']);
  const alone = createClients({ mirrors: mixed.slice(0, 1), trustedProxies: LOOPBACK });
  expect(await choices(alone, asked, mixedStates)).toEqual(['plain', 'none', 'none', 'none']);
});

test('a client whose connection is gone is still somebody, with all mirrors that are for anybody', () => {
  const clients = createClients({ mirrors, trustedProxies: [] });
  const gone = { socket: {}, headers: {} } as IncomingMessage;
  const digest = digestOf('what it asked for');
  const wanted = { repository: 'a', digest, path: blobPath(digest), size: 1, since: 1 };
  expect(clients(gone).address).toBeUndefined();
  expect(['anybody', 'germany']).toContain(chooseMirror(states, wanted, clients(gone))?.mirror.name);
});

test('a client behind a proxy is known by its address, whatever else its header says', () => {
  let looked = 0;
  const findPlace = () => {
    looked++;
    return {};
  };
  const clients = createClients({ mirrors, trustedProxies: LOOPBACK, findPlace });
  const socket = { remoteAddress: '127.0.0.1' };
  const behind = (forwarded: string) =>
    clients({ socket, headers: { 'x-forwarded-for': forwarded } } as unknown as IncomingMessage);
  const first = behind('192.0.2.9');
  expect(first.address).toBe('192.0.2.9');
  looked = 0;
  for (let count = 0; count < 500; count++) {
    expect(behind(`${count}, 192.0.2.9`)).toBe(first);
    expect(behind(`${'x'.repeat(15_000)}${count}, 192.0.2.9, 127.0.0.2`)).toBe(first);
  }
  expect(looked).toBe(0);
  expect(behind('192.0.2.10')).not.toBe(first);
});

test('what comes over a connection that is no proxy is its own, whatever its header says', () => {
  const clients = createClients({ mirrors, trustedProxies: LOOPBACK });
  const socket = { remoteAddress: '198.51.100.1' };
  const all = ['192.0.2.9', `${'x'.repeat(15_000)}, 192.0.2.9`].map((forwarded) =>
    clients({ socket, headers: { 'x-forwarded-for': forwarded } } as unknown as IncomingMessage),
  );
  expect(new Set(all).size).toBe(1);
  expect(all[0]?.address).toBe('198.51.100.1');
});
