import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCrane } from '@gantry/app-crane';
import { layTree } from '@gantry/tree';
import type { Result } from './results.ts';

const SAMPLES = 10_000;
const WARM_UP = 2000;
/** Names of each kind: one alone would tell where it happens to lie, and not whether it is there. */
const NAMES = 50;
const PATHS = ['tags/list', 'manifests/latest', `blobs/sha256:${'ab'.repeat(32)}`];

/**
 * Whether a crane's time tells a repository that is hidden from one that is not there: Welch's t of 10,000 answers each, asked
 * in turn, the order of each pair by chance. Below 4.5 nothing is told.
 */
export async function benchHidden(): Promise<Result[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-bench-hidden-'));
  try {
    const named = (word: string) => Array.from({ length: NAMES }, (_, at) => `corp/${word}-${at}`);
    const [hidden, unknown] = [named('there'), named('never')];
    const empty = { tags: new Map<string, never>(), manifests: [], blobs: [] };
    await layTree(folder, { repositories: hidden.map((name) => ({ name, ...empty })) });
    await using crane = await startCrane({
      listen: { host: '127.0.0.1', port: 0 },
      tree: folder,
      pollMs: 60_000,
      status: 302,
      manifests: 'auto',
      mirrors: [],
      private: { repositories: ['corp/**'], readers: [], challenge: [] },
      logger: { info() {}, warn() {}, error() {} },
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const times = { hidden: [] as number[], unknown: [] as number[] };
    const ask = async (kind: keyof typeof times, at: number) => {
      const names = kind === 'hidden' ? hidden : unknown;
      const url = `${crane.url}/v2/${names[at % NAMES]}/${PATHS[at % PATHS.length]}`;
      const ns = await answered(url, agent);
      if (at >= WARM_UP) times[kind].push(ns);
    };
    for (let at = 0; at < WARM_UP + SAMPLES; at++) {
      const isFirst = Math.random() < 0.5;
      await ask(isFirst ? 'hidden' : 'unknown', at);
      await ask(isFirst ? 'unknown' : 'hidden', at);
    }
    agent.destroy();
    const t = Math.abs(welch(times.hidden, times.unknown));
    return [
      {
        name: 'hidden',
        unit: 't',
        gantry: t,
        peer: 'Welch t that would tell them apart',
        peerValue: 4.5,
        ratio: t / 4.5,
        note: `${SAMPLES} answers each; ${mean(times.hidden).toFixed(0)} ns and ${mean(times.unknown).toFixed(0)} ns`,
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Nanoseconds from the request to the end of its answer. */
function answered(url: string, agent: Agent): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const before = process.hrtime.bigint();
  get(url, { agent }, (response) => {
    response.on('end', () => resolve(Number(process.hrtime.bigint() - before)));
    response.resume();
  }).on('error', reject);
  return promise;
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
