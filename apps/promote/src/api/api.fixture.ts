import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openCatalog } from '@gantry/catalog';
import { type Messages, openMessages } from '@gantry/messages';
import {
  type Channel,
  createPublisher,
  type Flow,
  type Log,
  MAIN_TREE,
  openFilesystemTarget,
  type PublishedTree,
  type Publisher,
  publisherOf,
  QUEUES,
  runPromotion,
  RETENTION,
  shareOut,
  treeOf,
} from '@gantry/pipeline';
import { createHealth, createMetrics, createTokenTable, type Health, SERVER_LIMITS } from '@gantry/service';
import { openStore } from '@gantry/store';
import { checkAnswer } from './answer-check.fixture.ts';
import type { ApiOptions } from './api-options.ts';
import { createApi } from './create-api.ts';
import { answerMalformed } from './http/answer-malformed.ts';
import { type Image, putImage } from './image.fixture.ts';
import type { KnownSource } from './known-source.ts';

const CHANNELS: readonly Channel[] = [
  { name: 'testing', prefix: 'testing/', publish: true },
  { name: 'stable', prefix: '', from: 'testing', publish: true },
  { name: 'internal', prefix: 'internal/', publish: false },
];

const SOURCES: readonly KnownSource[] = [
  {
    name: 'candidates',
    host: 'registry.example.org:5000',
    repositories: ['candidate/**'],
    everyMs: 300_000,
    takes: (name) => name.startsWith('candidate/'),
  },
];

/** Tokens by their names; a token's text is its name with `-token`. */
const TOKENS = {
  admin: ['admin'],
  reader: ['read'],
  syncer: ['sync'],
  tester: ['promote:testing'],
  releaser: ['promote:stable'],
  both: ['promote:testing', 'promote:stable'],
  ci: ['read', 'sync', 'promote:testing'],
  approver: ['approve:stable', 'report:candidates'],
} as const;
export type TokenName = keyof typeof TOKENS;

interface CallOptions {
  /** `admin` if absent; null: none. */
  readonly token?: TokenName | null;
  /** Sent as JSON; text is sent as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What was answered. The body of a test is looked at piece by piece, so its type says nothing. */
interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- each test knows what it asked for, and the answer was checked against its schema
  readonly body: any;
}

/** The API on real parts in a temporary folder, listening. */
export interface ApiFixture extends AsyncDisposable {
  readonly url: string;
  readonly flow: Flow;
  readonly channels: readonly Channel[];
  readonly messages: Messages;
  readonly tree: PublishedTree;
  readonly publisher: Publisher;
  /** Of the main tree, and of each that a channel names. */
  readonly publishers: readonly Publisher[];
  readonly health: Health;
  /** The lines of the access log from level info on, `path` and all. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  /** Those of level debug. */
  readonly debugLines: readonly Readonly<Record<string, unknown>>[];
  /** One request. Its answer was checked against what the OpenAPI document says of it. */
  call(method: string, place: string, options?: CallOptions): Promise<Answered>;
  /** All items of a list, page by page, and of how many pages. */
  listAll(place: string, limit: number): Promise<{ items: unknown[]; pages: number }>;
  /** An image in the store and the catalog, and a candidate of it. */
  putCandidate(repository: string, tag: string, seed?: string): Promise<Image>;
  /** Promotes over the API, then does the work that it asked for. @returns the promotion's id */
  promote(to: string, items: readonly object[]): Promise<string>;
  /** Does what a worker would: runs the promotion, and publishes. */
  work(promotion: string): Promise<void>;
  /** How many messages wait in the queue. */
  waiting(queue: keyof typeof QUEUES): Promise<number>;
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** One API for many tests that only ask. Call it where tests are declared. */
export function sharedApi(prepare?: (api: ApiFixture) => Promise<void>): () => ApiFixture {
  let opened: ApiFixture | undefined;
  beforeAll(async () => {
    opened = await openApi();
    await prepare?.(opened);
  });
  afterAll(async () => opened?.[Symbol.asyncDispose]());
  return () => opened as ApiFixture;
}

export async function openApi(changed: Partial<ApiOptions> = {}): Promise<ApiFixture> {
  const root = await mkdtemp(path.join(tmpdir(), 'gantry-api-'));
  const resources = new AsyncDisposableStack();
  resources.defer(() => rm(root, { recursive: true, force: true }));
  const catalog = resources.use(await openCatalog({ sqlite: { file: path.join(root, 'catalog.db') } }));
  const store = resources.use(await openStore({ filesystem: { root: path.join(root, 'store') } }));
  const messages = resources.use(await openMessages({ embedded: { file: path.join(root, 'messages.db') } }));
  const flow: Flow = { catalog, store, log: silent, now: () => new Date(), holder: 'test' };
  const { channels = CHANNELS } = changed;
  const further = [...new Set(channels.map(treeOf))].filter((name) => name !== MAIN_TREE);
  const trees: PublishedTree[] = [];
  for (const share of shareOut(further, channels)) {
    const folder = share.name === MAIN_TREE ? 'tree' : `trees/${share.name}`;
    trees.push({
      ...share,
      target: await openFilesystemTarget(path.join(root, folder), store),
      keepUntaggedMs: 30 * 86_400_000,
      retention: RETENTION,
      refreshMs: 86_400_000,
    });
  }
  const publishers = trees.map((one) => createPublisher(flow, one));
  const [tree, publisher] = [trees[0] as PublishedTree, publishers[0] as Publisher];
  const lines: Record<string, unknown>[] = [];
  const debugLines: Record<string, unknown>[] = [];
  const note = (fields: object, event: string) => lines.push({ ...fields, event });
  const debug = (fields: object, event: string) => debugLines.push({ ...fields, event });
  const health = createHealth({ cacheMs: 0 });
  const options: ApiOptions = {
    flow,
    messages,
    channels,
    sources: SOURCES,
    trees,
    authenticator: createTokenTable(
      Object.entries(TOKENS).map(([name, scopes]) => ({ name, token: `${name}-token`, scopes })),
    ),
    configuredTokens: Object.keys(TOKENS),
    health,
    metrics: await createMetrics('promote'),
    log: { ...silent, debug, info: note, error: note },
    ...changed,
  };
  const server = createServer(SERVER_LIMITS, createApi(options));
  answerMalformed(server, options.log);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  resources.defer(async () => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const call: ApiFixture['call'] = async (method, place, { token = 'admin', body, headers = {} } = {}) => {
    const response = await fetch(new URL(place, url), {
      method,
      headers: {
        ...(token === null ? {} : { Authorization: `Bearer ${token}-token` }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    const answered = {
      status: response.status,
      headers: response.headers,
      body: isJson && text !== '' ? JSON.parse(text) : text,
    };
    checkAnswer(method, new URL(place, url).pathname, answered);
    return answered;
  };
  const work = async (promotion: string) => {
    const ready = await runPromotion(flow, channels, promotion);
    if (ready?.state === 'publishing') await publisherOf(ready, publishers).publishPending();
  };
  return {
    url,
    flow,
    channels,
    messages,
    tree,
    publisher,
    publishers,
    health,
    lines,
    debugLines,
    call,
    work,
    async listAll(place, limit) {
      const items: unknown[] = [];
      let pages = 0;
      for (let cursor: string | null | undefined; cursor !== null; pages++) {
        const at = new URL(place, url);
        at.searchParams.set('limit', String(limit));
        if (cursor !== undefined) at.searchParams.set('cursor', cursor);
        const { body } = await call('GET', `${at.pathname}${at.search}`);
        items.push(...body.items);
        cursor = body.next as string | null;
      }
      return { items, pages };
    },
    putCandidate: (repository, tag, seed = `${repository}:${tag}`) =>
      putImage(catalog, store, { repository, tag, seed }),
    async promote(to, items) {
      const { status, body } = await call('POST', '/api/v1/promotions', { body: { to, items } });
      if (status !== 202) throw new Error(`answered ${status}: ${JSON.stringify(body)}`);
      await work(body.id);
      return body.id;
    },
    async waiting(queue) {
      const { ready } = await messages.depth(QUEUES[queue]);
      return ready;
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
