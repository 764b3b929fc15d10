import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CraneOptions, startCrane } from '@gantry/app-crane';
import { layTree } from '@gantry/tree';
import { type Certificate, makeAuthority } from '../../test/servers/certificates.ts';
import type { Result } from './results.ts';

const SAMPLES = 10_000;
const WARM_UP = 2000;
/** Names of each kind: one alone would tell where it happens to lie, and not whether it is there. */
const NAMES = 50;
/** The slowest answers are the machine's doing, and would hide what there is to see. */
const CUT = 0.05;
const named = (word: string) => Array.from({ length: NAMES }, (_, at) => `corp/${word}-${at}`);
const [HIDDEN, UNKNOWN] = [named('there'), named('never')];

const TODAY = [
  (name: string) => `/v2/${name}/tags/list`,
  (name: string) => `/v2/${name}/manifests/latest`,
  (name: string) => `/v2/${name}/blobs/sha256:${'ab'.repeat(32)}`,
];
const BEFORE = [
  (name: string) => `/v1/repositories/${name}/images`,
  (name: string) => `/v1/repositories/${name}/tags/latest`,
];

/** The paths of an entitlement of version 1: as many as that of a customer with much. */
const ENTITLED = Object.fromEntries(
  Array.from({ length: 300 }, (_, at) => [
    `1.3.6.1.4.1.2312.9.2.${4000 + at}.1.6`,
    `/content/dist/server/$releasever/$basearch/product-${at}`,
  ]),
);

/** One comparison: where the repositories stand, and who asks for what. */
interface Scene {
  readonly name: string;
  readonly options: Pick<CraneOptions, 'tree' | 'redirectJson'>;
  readonly ways: readonly ((name: string) => string)[];
  readonly certificate?: Certificate;
}

/**
 * Whether a crane's time tells a repository that is hidden from one that is not there: Welch's t of 10,000 answers each, asked
 * in turn, the order of each pair by chance. Below 4.5 nothing is told.
 */
export async function benchHidden(): Promise<Result[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-bench-hidden-'));
  try {
    const tree = join(folder, 'tree');
    const empty = { tags: new Map<string, never>(), manifests: [], blobs: [] };
    await layTree(tree, { repositories: HIDDEN.map((name) => ({ name, ...empty })) });
    const files = join(folder, 'files');
    await layRedirectFiles(files);
    const authority = makeAuthority('gantry-bench');
    await writeFile(join(folder, 'ca.pem'), authority.cert);
    const server = authority.issue('localhost');
    await writeFile(join(folder, 'web.pem'), server.cert);
    await writeFile(join(folder, 'web.key'), server.key);

    const certificate = authority.issue('client', [], { extensions: ENTITLED });
    const byFiles = { redirectJson: { directories: [files], cdn: {} } };
    const scenes: readonly Scene[] = [
      { name: 'hidden', options: { tree }, ways: TODAY },
      { name: 'hidden-entitled', options: { tree }, ways: TODAY, certificate },
      { name: 'hidden-files', options: byFiles, ways: TODAY },
      { name: 'hidden-files-entitled', options: byFiles, ways: TODAY, certificate },
      { name: 'hidden-files-v1', options: byFiles, ways: BEFORE },
      { name: 'hidden-files-v1-entitled', options: byFiles, ways: BEFORE, certificate },
    ];
    const results: Result[] = [];
    for (const scene of scenes) results.push(await compare(scene, folder));
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function layRedirectFiles(folder: string): Promise<void> {
  await mkdir(folder);
  for (const [at, name] of HIDDEN.entries()) {
    const described = {
      'repo-registry-id': name,
      repository: `there-${at}`,
      url: `https://cdn.example.org/content/dist/${name}/`,
      protected: true,
    };
    const images = { images: [{ id: `of-${at}` }], tags: { latest: `of-${at}` } };
    await writeFile(join(folder, `${at}.json`), JSON.stringify({ ...described, version: 2 }));
    await writeFile(join(folder, `${at}-v1.json`), JSON.stringify({ ...described, ...images, version: 1 }));
  }
}

async function compare({ name: scene, options, ways, certificate }: Scene, folder: string): Promise<Result> {
  await using crane = await startCrane({
    ...options,
    listen: { host: '127.0.0.1', port: 0 },
    tls: { certFile: join(folder, 'web.pem'), keyFile: join(folder, 'web.key') },
    pollMs: 60_000,
    status: 302,
    manifests: 'auto',
    mirrors: [],
    private: {
      // What redirect files tell of is hidden by what they say.
      repositories: 'tree' in options ? ['corp/**'] : ['secret/**'],
      readers: [],
      challenge: [],
      certificates: { caFile: join(folder, 'ca.pem'), path: '/content/dist/{repository}', values: [] },
    },
    logger: { info() {}, warn() {}, error() {} },
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false, ...certificate });
  const times = { hidden: [] as number[], unknown: [] as number[] };
  const ask = async (kind: keyof typeof times, at: number) => {
    const name = (kind === 'hidden' ? HIDDEN : UNKNOWN)[at % NAMES] as string;
    const ns = await answered(crane.url + (ways[at % ways.length] as (typeof ways)[number])(name), agent);
    if (at >= WARM_UP) times[kind].push(ns);
  };
  for (let at = 0; at < WARM_UP + SAMPLES; at++) {
    const isFirst = Math.random() < 0.5;
    await ask(isFirst ? 'hidden' : 'unknown', at);
    await ask(isFirst ? 'unknown' : 'hidden', at);
  }
  agent.destroy();
  const [hidden, unknown] = [withoutSlowest(times.hidden), withoutSlowest(times.unknown)];
  const t = Math.abs(welch(hidden, unknown));
  return {
    name: scene,
    unit: 't',
    gantry: t,
    peer: 'Welch t that would tell them apart',
    peerValue: 4.5,
    ratio: t / 4.5,
    note: `${SAMPLES} answers each; ${mean(hidden).toFixed(0)} ns and ${mean(unknown).toFixed(0)} ns`,
  };
}

/** Nanoseconds from the request to the end of its answer, which is that there is none. */
function answered(url: string, agent: Agent): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const before = process.hrtime.bigint();
  get(url, { agent }, (response) => {
    if (response.statusCode !== 404) reject(new Error(`${url} is ${response.statusCode}, and not 404`));
    response.on('end', () => resolve(Number(process.hrtime.bigint() - before)));
    response.resume();
  }).on('error', reject);
  return promise;
}

function withoutSlowest(times: readonly number[]): readonly number[] {
  return times.toSorted((a, b) => a - b).slice(0, Math.floor(times.length * (1 - CUT)));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function welch(one: readonly number[], other: readonly number[]): number {
  const spread = (values: readonly number[]) => {
    const middle = mean(values);
    return (
      values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1) / values.length
    );
  };
  return (mean(one) - mean(other)) / Math.sqrt(spread(one) + spread(other));
}
