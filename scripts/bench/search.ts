import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { digestOf } from '@gantry/oci';
import { type LaidRepository, layTree } from '@gantry/tree';
import { freePorts } from '../../test/servers/free-port.ts';
import { GANTRY_BIN } from '../../test/servers/gantry.ts';
import { type ServerProcess, startProcess } from '../../test/servers/process.ts';
import { until } from '../../test/servers/until.ts';
import { startMirror } from './crane-scale.ts';
import { median, type Result } from './results.ts';
import { cpuSeconds, load } from './wrk.ts';

const REPOSITORIES = Number(process.env['GANTRY_BENCH_REPOSITORIES'] ?? 100_000);
const VOCABULARY = 5000;
const WORDS = 10;
const SEARCHES = 10;
const ROUNDS = 3;
/** So few that the crane has them all in memory, and no reading of documents is measured with them. */
const REDIRECTED = 1000;
const SECONDS = 5;
const WITHIN_MS = 600_000;
/** `image` is in each description, `w4321` is one of 5,000 words, `w12` begins a fiftieth of those, and the last is nowhere. */
const TEXTS = { 'a common word': 'image', 'a rare word': 'w4321', 'a beginning': 'w12', nothing: 'qqqqqq' };

/**
 * The crane's index of a large tree, beside SQLite's FTS5 with the same names and descriptions, in CPU time: how it is
 * made, searches, one changed repository, and what redirects cost its main thread while others search.
 */
export async function benchSearch(): Promise<Result[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-bench-search-'));
  try {
    const tree = join(folder, 'tree');
    const repositories = Array.from({ length: REPOSITORIES }, (_, at) => repositoryOf(at));
    say('making the tree');
    await layTree(tree, { repositories });
    say('making the indexes');
    const peer = makePeer();
    const [mirrorPort = 0] = await freePorts(1);
    await using _ = await startMirror(tree, mirrorPort);
    const idleMb = await craneWithout(folder, { tree, mirrorPort });
    await using crane = await startCrane(folder, { tree, mirrorPort, search: true });
    await isIndexed(crane, 1);
    const [making, grownMb] = [await searchCpu(crane.pid), (await residentMb(crane.pid)) - idleMb];
    const note = `${REPOSITORIES} repositories`;
    const results: Result[] = [
      compare('search, making the index', 's of CPU', making, peer.makingS, note),
      compare('search, memory grown', 'MB', grownMb, peer.megabytes, `${note}; of SQLite its pages alone`),
    ];
    say('searching');
    for (const [what, text] of Object.entries(TEXTS)) {
      const [ours, theirs]: [number[], number[]] = [[], []];
      for (let round = 0; round < ROUNDS; round++) {
        ours.push(await searchesMs(crane, text));
        theirs.push(peer.searchMs(text));
      }
      results.push(compare(`search for ${what}`, 'ms of CPU', median(ours), median(theirs)));
    }
    say('redirects, and one changed repository');
    const paths = join(folder, 'paths.txt');
    await writeFile(
      paths,
      `${repositories
        .slice(0, REDIRECTED)
        .map(({ name }) => `/v2/${name}/manifests/latest`)
        .join('\n')}\n`,
    );
    await redirectUs(crane, paths);
    const alone = await redirectUs(crane, paths);
    const searching = new AbortController();
    const searches = searchOn(crane, searching.signal);
    const beside = await redirectUs(crane, paths);
    searching.abort();
    results.push({
      name: 'a redirect while others search',
      unit: "µs of the main thread's CPU",
      gantry: beside,
      peer: 'while nobody does',
      peerValue: alone,
      ratio: beside / alone,
      note: `${await searches} searches meanwhile`,
    });
    const before = await cpuSeconds(crane.pid);
    await layTree(tree, { repositories: [...repositories.slice(1), repositoryOf(0, 'changed')] });
    await isIndexed(crane, 2);
    results.push(
      compare(
        'search, one changed repository',
        's of CPU',
        (await cpuSeconds(crane.pid)) - before,
        peer.changeS(),
      ),
    );
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function compare(name: string, unit: string, gantry: number, peerValue: number, note?: string): Result {
  const ratio = gantry / peerValue;
  return { name, unit, gantry, peer: 'SQLite FTS5', peerValue, ratio, ...(note !== undefined && { note }) };
}

const say = (what: string) => console.error(`  ${what}`);
const nameOf = (at: number) => `team${at % 97}/project-${at}/service`;

/** Ten words of 5,000, the same each time. */
function descriptionOf(at: number, first = 'image'): string {
  let state = at + 1;
  const word = () => `w${(state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) % VOCABULARY}`;
  return [first, ...Array.from({ length: WORDS }, word)].join(' ');
}

function repositoryOf(at: number, first?: string): LaidRepository {
  const Labels = { 'org.opencontainers.image.description': descriptionOf(at, first) };
  const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', config: { Labels } }));
  const mediaType = 'application/vnd.oci.image.config.v1+json';
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType, digest: digestOf(config), size: config.length },
      layers: [],
    }),
  );
  return { name: nameOf(at), tags: { latest: digestOf(manifest) }, manifests: [manifest], blobs: [config] };
}

/** The same in SQLite, in memory and in this process. */
function makePeer() {
  const database = new DatabaseSync(':memory:');
  const made = cpuOf(() => {
    database.exec("CREATE VIRTUAL TABLE words USING fts5 (name, description, prefix = '2 3'); BEGIN");
    const insert = database.prepare('INSERT INTO words (rowid, name, description) VALUES (?, ?, ?)');
    for (let at = 0; at < REPOSITORIES; at++) insert.run(at, nameOf(at), descriptionOf(at));
    database.exec('COMMIT');
  });
  const bytes = database.prepare(
    'SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size',
  );
  const search = database.prepare(
    'SELECT name, description FROM words WHERE words MATCH ? ORDER BY bm25(words, 4, 1) LIMIT 1000',
  );
  const change = database.prepare('UPDATE words SET description = ? WHERE rowid = 0');
  return {
    makingS: made,
    megabytes: Number(bytes.get()?.['bytes']) / 1e6,
    searchMs: (text: string) =>
      (cpuOf(() => {
        for (let at = 0; at < SEARCHES; at++) search.all(`"${text}"*`);
      }) /
        SEARCHES) *
      1000,
    changeS: () => cpuOf(() => change.run(descriptionOf(0, 'changed'))),
  };
}

/** Seconds of this process. */
function cpuOf(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

interface BenchedCrane extends Pick<ServerProcess, 'pid' | 'log'>, AsyncDisposable {
  readonly port: number;
}

interface CraneKeys {
  readonly tree: string;
  readonly mirrorPort: number;
  readonly search?: true;
}

async function startCrane(folder: string, { mirrorPort, ...keys }: CraneKeys): Promise<BenchedCrane> {
  const [port = 0, adminPort = 0] = await freePorts(2);
  const file = join(folder, 'crane.yaml');
  const crane = {
    listen: `127.0.0.1:${port}`,
    adminListen: `127.0.0.1:${adminPort}`,
    accessLog: join(folder, 'access.log'),
    ...keys,
    poll: '1s',
    manifests: 'redirect',
    mirrors: [{ name: 'mirror', url: `http://127.0.0.1:${mirrorPort}`, trusted: true }],
  };
  await writeFile(file, JSON.stringify({ crane }));
  const started = await startProcess({
    name: 'gantry serve crane',
    command: process.execPath,
    args: [GANTRY_BIN, 'serve', 'crane', '--config', file],
    env: { ...process.env, GANTRY_LOG_LEVEL: 'info' },
    ready: async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok,
    readyWithinMs: 60_000,
  });
  return { ...started, port };
}

/** Resident memory, in millions of bytes, of a crane that has no search. */
async function craneWithout(folder: string, keys: CraneKeys): Promise<number> {
  await using crane = await startCrane(folder, keys);
  return residentMb(crane.pid);
}

function isIndexed(crane: BenchedCrane, serial: number): Promise<unknown> {
  const line = `the search is at serial ${serial}"`;
  return until(line, () => crane.log().includes(line), { withinMs: WITHIN_MS });
}

async function find({ port }: BenchedCrane, text: string): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/search?q=${text}`);
  if (!answer.ok) throw new Error(`a search for ${text} is ${answer.status}: ${await answer.text()}`);
  await answer.arrayBuffer();
}

/** CPU time of the crane for one search, with its answer. */
async function searchesMs(crane: BenchedCrane, text: string): Promise<number> {
  const before = await cpuSeconds(crane.pid);
  for (let at = 0; at < SEARCHES; at++) await find(crane, text);
  return (((await cpuSeconds(crane.pid)) - before) / SEARCHES) * 1000;
}

/** Searches without a pause. @returns how often */
async function searchOn(crane: BenchedCrane, signal: AbortSignal): Promise<number> {
  let count = 0;
  for (; !signal.aborted; count++) await find(crane, `w${VOCABULARY - 1 - (count % 1000)}`);
  return count;
}

/** CPU time of the main thread for one redirect. */
async function redirectUs(crane: BenchedCrane, paths: string): Promise<number> {
  const before = await cpuSeconds(crane.pid, crane.pid);
  const { answers } = await load(crane, paths, SECONDS);
  return (((await cpuSeconds(crane.pid, crane.pid)) - before) / answers) * 1e6;
}

/** CPU time of all threads but the main one: that of the index, and its garbage collection. */
async function searchCpu(pid: number): Promise<number> {
  return (await cpuSeconds(pid)) - (await cpuSeconds(pid, pid));
}

/** Resident memory (proc_pid_status(5)), in millions of bytes. */
async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return (Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024) / 1e6;
}
