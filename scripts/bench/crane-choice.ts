import { type IncomingMessage } from 'node:http';
import { digestOf, type ManifestKind } from '@gantry/oci';
import {
  chooseMirror,
  createClients,
  type MirrorOptions,
  type MirrorState,
  readMirrors,
} from '@gantry/app-crane/bench';
import { readTrustedProxies } from '@gantry/service';
import { median, type Result } from './results.ts';

const MIRRORS = 500;
const NETWORKS_PER_MIRROR = 60;
const CLIENTS = 5000;
const OBJECTS = 20_000;
const CHOICES = 200_000;
const ROUNDS = 5;
const AIM_US = 2;

/**
 * How long it takes to choose among 500 mirrors with 30,000 networks, by the CPU time of this process: for clients behind a
 * trusted proxy that were seen before (as most are), that were not, and that come back for the same object. The aim is for the first.
 */
export async function benchCraneChoice(): Promise<Result[]> {
  const mirrors = readMirrors(Array.from({ length: MIRRORS }, (_, at) => mirrorOf(at)));
  const states: MirrorState[] = mirrors.map((mirror) => ({
    mirror,
    healthy: true,
    serial: 10,
    kinds: new Set<ManifestKind>(),
  }));
  const trustedProxies = readTrustedProxies(['127.0.0.1'], 'crane.trustedProxies');
  const wanted = Array.from({ length: OBJECTS }, (_, at) => {
    const digest = digestOf(`object ${at}`);
    return { repository: 'team/app', digest, path: `pool/${digest}`, size: 1, since: 5 };
  });
  const known = createClients({ mirrors, trustedProxies });
  const requests = Array.from({ length: CLIENTS }, (_, at) => requestFrom(addressOf(at)));
  const chosen = new Set<string>();
  const choose = (clients: typeof known, request: IncomingMessage, at: number) => {
    const state = chooseMirror(states, wanted[at % OBJECTS] as (typeof wanted)[number], clients(request));
    if (state !== undefined) chosen.add(state.mirror.name);
  };
  const [seen, unseen, cameBack]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < ROUNDS; round++) {
    seen.push(
      cpuUs(CHOICES, (at) => {
        // Nobody asks for the same object twice within seconds.
        const object = at + 17 * Math.floor(at / CLIENTS) + round;
        choose(known, requests[at % CLIENTS] as IncomingMessage, object);
      }),
    );
    const clients = createClients({ mirrors, trustedProxies });
    choose(clients, requestFrom(addressOf(0)), 0);
    unseen.push(cpuUs(CLIENTS, (at) => choose(clients, requests[at] as IncomingMessage, at)));
    cameBack.push(cpuUs(CLIENTS, (at) => choose(clients, requests[at] as IncomingMessage, at)));
  }
  if (chosen.size < MIRRORS / 2) throw new Error(`only ${chosen.size} of ${MIRRORS} mirrors were chosen`);
  return [
    besideAimUs('crane, choice for a known client', seen),
    besideAimUs('crane, choice for a new client', unseen),
    besideAimUs('crane, choice for a client that came back', cameBack),
  ];
}

/** Of one mirror in four the networks lie in a country's others, so that narrower ones lie in wider ones. */
function mirrorOf(at: number): MirrorOptions {
  const networks = Array.from({ length: NETWORKS_PER_MIRROR }, (_, of) => {
    const place = at * NETWORKS_PER_MIRROR + of;
    const [a, b, c] = [10 + (place >>> 12), (place >>> 4) & 0xff, (place & 15) << 4];
    return at % 4 === 0 ? `${a}.${b}.0.0/16` : `${a}.${b}.${c}.0/24`;
  });
  return {
    name: `mirror-${at}`,
    url: `https://mirror-${at}.example/tree`,
    weight: 100,
    networks: [...new Set(networks)],
  };
}

function addressOf(client: number): string {
  const place = (client * 9973) % (MIRRORS * NETWORKS_PER_MIRROR);
  return `${10 + (place >>> 12)}.${(place >>> 4) & 0xff}.${(place & 15) << 4}.${client & 0xff}`;
}

/** As much of a request as is looked at to know its client. */
function requestFrom(address: string): IncomingMessage {
  const socket = { remoteAddress: '127.0.0.1' };
  return { socket, headers: { 'x-forwarded-for': address } } as unknown as IncomingMessage;
}

function cpuUs(times: number, work: (at: number) => void): number {
  const before = process.cpuUsage();
  for (let at = 0; at < times; at++) work(at);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}

function besideAimUs(name: string, times: readonly number[]): Result {
  const gantry = median(times);
  return {
    name,
    unit: 'µs',
    gantry,
    peer: 'the aim',
    peerValue: AIM_US,
    ratio: gantry / AIM_US,
    note: `${MIRRORS} mirrors, ${MIRRORS * NETWORKS_PER_MIRROR} networks; each round: ${times.map((time) => time.toFixed(2)).join(', ')}`,
  };
}
