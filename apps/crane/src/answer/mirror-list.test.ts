import { digestOf } from '@gantry/oci';
import { parseAddress } from '@gantry/service';
import type { Client } from '../choose/choose-mirror.ts';
import type { Answer } from './answer.ts';
import { Pool } from '../choose/rendezvous.ts';
import { decide } from './decide.ts';
import { decideUnnamed } from './decide-unnamed.ts';
import type { Repository } from '../repositories/repository.ts';
import { type MirrorOptions, type MirrorState, readMirrors, unprobed } from '../choose/mirror.ts';

const LAYER = digestOf('layer');
const HEX = LAYER.slice('sha256:'.length);
const PATH = `pool/blobs/sha256/${HEX.slice(0, 2)}/${HEX}`;

const OPTIONS: readonly Omit<MirrorOptions, 'url'>[] = [
  { name: 'germany', countries: ['DE'] },
  { name: 'anybody' },
  { name: 'late' },
  { name: 'down' },
  { name: 'partial', repositories: ['library/*'] },
  { name: 'campus', networks: ['192.0.2.0/24'], private: true },
];
const mirrors = readMirrors(OPTIONS.map((one) => ({ url: `https://${one.name}.example/tree`, ...one })));
const STATES: readonly MirrorState[] = mirrors.map((mirror) => {
  if (mirror.name === 'down') return { ...unprobed(mirror), problem: 'it does not answer' };
  return { mirror, healthy: true, serial: mirror.name === 'late' ? 4 : 5, kinds: new Set() };
});
const SITE = { mirrors: STATES, manifests: 'auto', status: 302, servesBlobs: false } as const;
/** A client in Germany. */
const CLIENT = {
  place: { country: 'DE', continent: 'EU' },
  pools: [new Pool(mirrors, [0]), new Pool(mirrors, [0, 1, 2, 3, 4])],
  sentBefore: () => [],
  sendTo() {},
};
const REPOSITORY: Repository = {
  state: 'known',
  isFormer: false,
  manifest: () => undefined,
  blob: () => ({ size: 10, since: 5 }),
  referrers: () => undefined,
  tagNames: () => [],
  kept: () => REPOSITORY,
};

function blob(query: string): Answer {
  const route = { kind: 'blob', name: 'team/app', digest: LAYER, query } as const;
  return decide('GET', route, REPOSITORY, SITE, CLIENT);
}

function bodyOf(answer: Answer): unknown {
  return JSON.parse(answer.body.from === 'memory' ? String(answer.body.bytes) : '{}');
}

test('?mirrorlist says of each mirror why it was chosen or left out, and redirects nobody', () => {
  const answer = blob('mirrorlist');
  expect(answer.status).toBe(200);
  const { mirrors: listed, ...rest } = bodyOf(answer) as { mirrors: { name: string }[] };
  expect(rest).toEqual({ digest: LAYER, since: 5 });
  expect(listed.slice(0, 2)).toEqual([
    {
      name: 'germany',
      url: `https://germany.example/tree/${PATH}`,
      chosen: true,
      rank: 1,
      why: 'country DE',
      weight: 100,
    },
    {
      name: 'anybody',
      url: `https://anybody.example/tree/${PATH}`,
      chosen: false,
      rank: 2,
      why: 'for everybody',
      weight: 100,
    },
  ]);
  expect(
    Object.fromEntries(listed.slice(2).map((one) => [one.name, (one as { leftOut?: string }).leftOut])),
  ).toEqual({
    late: 'it is believed at serial 4, and this came with serial 5',
    down: 'it is not used: it does not answer',
    partial: 'it does not carry this repository',
    campus: 'it is private, and not for this client',
  });
});

/** What `?mirrorlist` says, and where the redirect leads for the same client then. */
function listAndRedirect(states: readonly MirrorState[], client: Client) {
  const route = { kind: 'blob', name: 'team/app', digest: LAYER } as const;
  const site = { ...SITE, mirrors: states };
  const list = decide('GET', { ...route, query: 'mirrorlist' }, REPOSITORY, site, client);
  const { headers } = decide('GET', { ...route, query: '' }, REPOSITORY, site, client);
  return {
    ...(bodyOf(list) as { mirrors: { name: string; chosen?: boolean; why?: string; leftOut?: string }[] }),
    location: headers[headers.indexOf('Location') + 1],
  };
}

const allOf = (states: readonly MirrorState[]) => [
  new Pool(
    states.map(({ mirror }) => mirror),
    [...states.keys()],
  ),
];
const wellOf = (...options: readonly Omit<MirrorOptions, 'url'>[]): readonly MirrorState[] =>
  readMirrors(options.map((one) => ({ url: `https://${one.name}.example/tree`, ...one }))).map((mirror) => ({
    mirror,
    healthy: true,
    serial: 5,
    kinds: new Set<never>(),
  }));

test('?mirrorlist chooses whom the redirect leads to, also as a last resort', () => {
  const [origin, other] = wellOf({ name: 'origin', trusted: true }, { name: 'other' }) as [
    MirrorState,
    MirrorState,
  ];
  const dead = { ...origin, healthy: false, problem: 'it does not answer' };
  const states = [dead, { ...other, serial: 4 }];
  const found = listAndRedirect(states, { pools: allOf(states), sentBefore: () => [], sendTo() {} });
  expect(found.location).toBe(`https://origin.example/tree/${PATH}`);
  expect(found.mirrors).toMatchObject([
    { name: 'origin', chosen: true, why: 'last resort: trusted, and it does not answer; for everybody' },
    { name: 'other', leftOut: 'it is believed at serial 4, and this came with serial 5' },
  ]);
  const late = [{ ...origin, serial: 3 }];
  expect(
    listAndRedirect(late, { pools: allOf(late), sentBefore: () => [], sendTo() {} }).mirrors,
  ).toMatchObject([{ chosen: true, why: 'last resort: trusted, and believed at serial 3; for everybody' }]);
});

test('?mirrorlist tells who comes back where the redirect leads now, and notes nothing', () => {
  const states = wellOf({ name: 'a' }, { name: 'b' }, { name: 'c' });
  let sent: readonly number[] = [];
  const told: string[] = [];
  const client: Client = {
    pools: allOf(states),
    sentBefore: () => sent,
    sendTo: (_, member) => (sent = sent.includes(member) ? [member] : [...sent, member]),
    cameBackFrom: ({ name }) => told.push(name),
  };
  const rounds = [1, 2, 3, 4].map((round) => {
    const found = listAndRedirect(states, client);
    expect(told).toHaveLength(round - 1);
    const [first, ...rest] = found.mirrors;
    expect(rest.map(({ chosen }) => chosen)).toEqual([false, false]);
    expect(found.location).toBe(`https://${first?.name}.example/tree/${PATH}`);
    return first;
  });
  expect(new Set(rounds.slice(0, 3).map((one) => one?.name)).size).toBe(3);
  expect(rounds[3]?.name).toBe(rounds[0]?.name);
  expect(rounds[3]?.why).toBe('for everybody; this client was sent there for it within the last 30 s');
});

test('?mirrorlist tells what a mirror has against it, and by what it is near', () => {
  const address = parseAddress('192.0.2.7');
  if (address === undefined) throw new Error('it is an address');
  const near = wellOf(
    { name: 'lan', networks: ['192.0.2.0/24', '192.0.0.0/16', '2001:db8::/32'] },
    { name: 'system', asns: [64500] },
    { name: 'continent', countries: ['AT'] },
    { name: 'doubted' },
    { name: 'tried' },
    { name: 'left' },
  );
  const states = near.map((state): MirrorState => {
    if (state.mirror.name === 'doubted') return { ...state, inDoubt: true, problem: 'it was cut' };
    if (state.mirror.name === 'tried') return { ...state, onTrial: true };
    return state.mirror.name === 'left' ? { ...state, suspected: true } : state;
  });
  const place = { address, asn: 64500, country: 'DE', continent: 'EU' };
  const client = { place, pools: allOf(states), sentBefore: () => [], sendTo() {} };
  const { mirrors: found } = listAndRedirect(states, client);
  expect(Object.fromEntries(found.map(({ name, why }) => [name, why]))).toEqual({
    lan: 'network 192.0.2.0/24',
    system: 'AS 64500',
    continent: 'continent EU',
    doubted: 'for everybody; in doubt: it was cut',
    tried: 'for everybody; on trial: it was out of use',
    left: 'for everybody; suspected: a client came back from it',
  });
});

test('?mirrorlist names all mirrors that have it, however many', () => {
  const states = wellOf(...Array.from({ length: 20 }, (_, number) => ({ name: `m${number}` })));
  const client = { pools: allOf(states), sentBefore: () => [], sendTo() {} };
  const { mirrors: found, location } = listAndRedirect(states, client);
  expect(found.map(({ chosen }) => chosen)).toEqual([true, ...Array<boolean>(19).fill(false)]);
  expect(new Set(found.map(({ name }) => name)).size).toBe(20);
  expect(location).toBe(`https://${found[0]?.name}.example/tree/${PATH}`);
});

test('who comes by https is told that all mirrors are http', () => {
  const [state] = wellOf({ name: 'plain' }) as [MirrorState];
  const plain = { ...state, mirror: { ...state.mirror, base: 'http://plain.example/' } };
  const route = { kind: 'blob', name: 'team/app', digest: LAYER, query: '' } as const;
  const client = { isHttps: true, pools: [], sentBefore: () => [], sendTo() {} };
  const answer = decide('GET', route, REPOSITORY, { ...SITE, mirrors: [plain] }, client);
  expect(answer.status).toBe(503);
  expect(JSON.stringify(bodyOf(answer))).toContain('all mirrors are http');
});

test('a redirect names the next mirrors that have the same, with their countries', () => {
  const { headers } = blob('ns=docker.io');
  expect(headers[headers.indexOf('Location') + 1]).toBe(`https://germany.example/tree/${PATH}`);
  expect(headers[headers.indexOf('Link') + 1]).toBe(
    `<https://anybody.example/tree/${PATH}>; rel=duplicate; pri=2`,
  );
  const back = decide('GET', { kind: 'blob', name: 'team/app', digest: LAYER, query: '' }, REPOSITORY, SITE, {
    ...CLIENT,
    sentBefore: () => [0],
    sendTo() {},
  });
  expect(back.headers[back.headers.indexOf('Link') + 1]).toBe(
    `<https://germany.example/tree/${PATH}>; rel=duplicate; pri=2; geo=de`,
  );
});

test('a redirect names two others, however many there are', () => {
  const four = readMirrors(['a', 'b', 'c', 'd'].map((name) => ({ name, url: `https://${name}.example/` })));
  const states = four.map((mirror) => ({ mirror, healthy: true, serial: 5, kinds: new Set<never>() }));
  const client = { pools: [new Pool(four, [0, 1, 2, 3])], sentBefore: () => [], sendTo() {} };
  const route = { kind: 'blob', name: 'team/app', digest: LAYER, query: '' } as const;
  const { headers } = decide('GET', route, REPOSITORY, { ...SITE, mirrors: states }, client);
  expect(String(headers[headers.indexOf('Link') + 1]).split(', ')).toHaveLength(2);
});

test('a redirect to the only mirror names no other', () => {
  const alone = { ...SITE, mirrors: STATES.slice(0, 1) };
  const client = { pools: [new Pool(mirrors, [0])], sentBefore: () => [], sendTo() {} };
  const route = { kind: 'blob', name: 'team/app', digest: LAYER, query: '' } as const;
  expect(decide('GET', route, REPOSITORY, alone, client).headers).not.toContain('Link');
});

test('/mirrors tells the hosts that a redirect may name, whatever state the mirrors are in', () => {
  const answer = decideUnnamed({ kind: 'mirrors' }, SITE);
  expect(bodyOf(answer)).toMatchObject({
    version: 1,
    hosts: ['anybody', 'campus', 'down', 'germany', 'late', 'partial'].map((name) => `${name}.example`),
    mirrors: [
      { name: 'germany', url: 'https://germany.example/tree/', countries: ['DE'], usable: true, serial: 5 },
      { name: 'anybody' },
      { name: 'late', serial: 4 },
      { name: 'down', usable: false, serial: 0 },
      { name: 'partial' },
      { name: 'campus', private: true },
    ],
  });
});

test('of what is private, and for who came by https, the list says what else is looked for', () => {
  const route = { kind: 'blob', name: 'team/app', digest: LAYER, query: 'mirrorlist' } as const;
  const plain = readMirrors([{ name: 'plain', url: 'http://plain.example/' }]).map((mirror) => ({
    mirror,
    healthy: true,
    serial: 5,
    kinds: new Set<never>(),
  }));
  const site = { ...SITE, mirrors: [...STATES.slice(0, 1), ...plain] };
  const client = {
    pools: [
      new Pool(
        site.mirrors.map(({ mirror }) => mirror),
        [0],
      ),
    ],
    sentBefore: () => [],
    sendTo() {},
  };
  expect(bodyOf(decide('GET', route, REPOSITORY, site, client, { isPrivate: true }))).toMatchObject({
    mirrors: [
      { name: 'germany', leftOut: 'this is private, and it looks for no signature' },
      { name: 'plain', leftOut: 'its address is http, and this client came by https' },
    ],
  });
});

test('/mirrors tells which hosts lead to others that they alone know', () => {
  const [mirror] = readMirrors([
    { name: 'fedora', url: 'https://fedora.example/', mirrormanager: { path: 'pub', graceMs: 1000 } },
  ]);
  if (mirror === undefined) throw new Error('no mirror');
  const answer = decideUnnamed({ kind: 'mirrors' }, { ...SITE, mirrors: [unprobed(mirror)] });
  expect(bodyOf(answer)).toMatchObject({
    redirectsFurther: ['fedora.example'],
    mirrors: [{ name: 'fedora', redirectsFurther: true }],
  });
});
