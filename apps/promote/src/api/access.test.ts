import { type ApiFixture, sharedApi, type TokenName } from './api.fixture.ts';
import { ROUTES } from './route-table.ts';

const ALL: readonly TokenName[] = [
  'admin',
  'reader',
  'syncer',
  'tester',
  'releaser',
  'both',
  'ci',
  'approver',
];
const READERS: readonly TokenName[] = ['admin', 'reader', 'ci'];
const item = { repository: 'a', reference: '1' };

/** A request of each route, and who may make it. */
const REQUESTS: Readonly<
  Record<string, { path: (ids: Ids) => string; body?: object; allowed: readonly TokenName[] }>
> = {
  createSync: {
    path: () => '/api/v1/syncs',
    body: { source: 'candidates' },
    allowed: ['admin', 'syncer', 'ci'],
  },
  listSources: { path: () => '/api/v1/sources', allowed: READERS },
  notify: {
    path: () => '/api/v1/notifications',
    body: { events: [] },
    allowed: ['admin', 'syncer', 'ci'],
  },
  listFailures: { path: () => '/api/v1/failures', allowed: READERS },
  // A type that is none: the stream itself has no end.
  followEvents: { path: () => '/api/v1/events?type=none', allowed: READERS },
  followPromotion: { path: () => '/api/v1/promotions/none/events', allowed: READERS },
  followTask: { path: () => '/api/v1/tasks/none/events', allowed: READERS },
  listCandidates: { path: () => '/api/v1/candidates', allowed: READERS },
  createPromotion: {
    path: () => '/api/v1/promotions',
    body: { to: 'testing', items: [item] },
    allowed: ['admin', 'tester', 'both', 'ci'],
  },
  listPromotions: { path: () => '/api/v1/promotions', allowed: READERS },
  getPromotion: { path: ({ promotion }) => `/api/v1/promotions/${promotion}`, allowed: READERS },
  cancelPromotion: {
    path: ({ promotion }) => `/api/v1/promotions/${promotion}`,
    allowed: ['admin', 'tester', 'both', 'ci'],
  },
  approvePromotion: {
    path: ({ promotion }) => `/api/v1/promotions/${promotion}/approvals`,
    allowed: ['admin'],
  },
  withdrawApproval: {
    path: ({ promotion }) => `/api/v1/promotions/${promotion}/approvals`,
    allowed: ['admin'],
  },
  createResult: {
    path: () => '/api/v1/results',
    body: { digest: `sha256:${'0'.repeat(64)}`, testcase: 'a', outcome: 'PASSED', source: 'candidates' },
    allowed: ['admin', 'approver'],
  },
  listResults: { path: () => '/api/v1/results', allowed: READERS },
  getResult: { path: () => '/api/v1/results/none', allowed: READERS },
  createWaiver: {
    path: () => '/api/v1/waivers',
    body: {
      channel: 'stable',
      repository: 'a',
      reference: '1',
      gate: 'none',
      reason: 'why',
      expiresAt: '2020-01-01T00:00:00Z',
    },
    allowed: ['admin', 'approver'],
  },
  listWaivers: { path: () => '/api/v1/waivers', allowed: READERS },
  revokeWaiver: { path: ({ waiver }) => `/api/v1/waivers/${waiver}`, allowed: ['admin', 'approver'] },
  decide: {
    path: () => '/api/v1/decisions',
    body: { items: [item], to: 'testing' },
    allowed: READERS,
  },
  listChannels: { path: () => '/api/v1/channels', allowed: READERS },
  listChannelRepositories: { path: () => '/api/v1/channels/testing/repositories', allowed: READERS },
  listChannelTags: { path: () => '/api/v1/channels/testing/tags?repository=a', allowed: READERS },
  retractTags: {
    path: () => '/api/v1/channels/stable/tags?repository=none',
    allowed: ['admin', 'releaser', 'both'],
  },
  createPurge: {
    path: () => '/api/v1/purges',
    body: { digest: `sha256:${'0'.repeat(64)}`, reason: 'a key' },
    allowed: ['admin'],
  },
  listPurges: { path: () => '/api/v1/purges', allowed: ['admin'] },
  getPurge: { path: () => `/api/v1/purges/sha256:${'0'.repeat(64)}`, allowed: ['admin'] },
  createCollection: { path: () => '/api/v1/collections', body: { dryRun: true }, allowed: ['admin'] },
  listMirrors: { path: () => '/api/v1/mirrors', allowed: READERS },
  listMirrorsOfPublication: { path: () => '/api/v1/publications/1/mirrors', allowed: READERS },
  createPublication: { path: () => '/api/v1/publications', allowed: ['admin', 'both'] },
  listPublications: { path: () => '/api/v1/publications', allowed: READERS },
  getPublication: { path: () => '/api/v1/publications/1', allowed: READERS },
  rollBack: {
    path: () => '/api/v1/publications/1/rollback',
    body: { channel: 'stable', reason: 'undo' },
    allowed: ['admin', 'releaser', 'both'],
  },
  diff: { path: () => '/api/v1/diff?from=testing&to=stable', allowed: READERS },
  listTasks: { path: () => '/api/v1/tasks', allowed: READERS },
  getTask: { path: ({ task }) => `/api/v1/tasks/${task}`, allowed: READERS },
  cancelTask: { path: ({ task }) => `/api/v1/tasks/${task}`, allowed: ['admin', 'syncer', 'ci'] },
  listWorkers: { path: () => '/api/v1/workers', allowed: READERS },
  listLeases: { path: () => '/api/v1/leases', allowed: READERS },
  listQueues: { path: () => '/api/v1/queues', allowed: READERS },
  listDeadLetters: { path: () => '/api/v1/dead-letters?queue=gantry.sync', allowed: READERS },
  replayDeadLetters: {
    path: () => '/api/v1/dead-letters/replay',
    body: { queue: 'gantry.sync' },
    allowed: ['admin'],
  },
  discardDeadLetters: {
    path: () => '/api/v1/dead-letters?queue=gantry.sync&id=none',
    allowed: ['admin'],
  },
  whoAmI: { path: () => '/api/v1/whoami', allowed: ALL },
  listTokens: { path: () => '/api/v1/tokens', allowed: ['admin'] },
  createToken: {
    path: () => '/api/v1/tokens',
    body: { name: 'made', scopes: ['read'] },
    allowed: ['admin'],
  },
  revokeToken: { path: () => '/api/v1/tokens/made', allowed: ['admin'] },
  createReport: {
    path: () => `/api/v1/reports?source=candidates&digest=sha256:${'0'.repeat(64)}`,
    body: {},
    allowed: ['admin', 'approver'],
  },
  listReports: { path: () => '/api/v1/reports', allowed: READERS },
  getReport: { path: () => '/api/v1/reports/none', allowed: READERS },
  getPlan: { path: () => '/api/v1/plans/none', allowed: READERS },
  getManifest: { path: () => `/api/v1/manifests/sha256:${'0'.repeat(64)}`, allowed: READERS },
  getBlob: { path: () => `/api/v1/blobs/sha256:${'0'.repeat(64)}`, allowed: READERS },
  listAudit: { path: () => '/api/v1/audit', allowed: ['admin'] },
  readAudit: { path: () => '/api/v1/audit/entries', allowed: ['admin'] },
  getAuditHead: { path: () => '/api/v1/audit/head', allowed: ['admin'] },
  getReadOnly: { path: () => '/api/v1/read-only', allowed: READERS },
  setReadOnly: { path: () => '/api/v1/read-only', body: { on: false }, allowed: ['admin'] },
  metrics: { path: () => '/metrics', allowed: READERS },
};

interface Ids {
  promotion: string;
  task: string;
  waiver: string;
}

async function prepare(api: ApiFixture): Promise<Ids> {
  const { body: promotion } = await api.call('POST', '/api/v1/promotions', {
    body: { to: 'testing', items: [item] },
  });
  const { body: task } = await api.call('POST', '/api/v1/syncs', { body: { source: 'candidates' } });
  await api.flow.catalog.waivers.create({
    id: 'waiver',
    channel: 'stable',
    digest: `sha256:${'0'.repeat(64)}`,
    gate: 'tests',
    reason: 'a known flake',
    author: 'ada',
    createdAt: '2026-11-21T09:00:00.000Z',
    expiresAt: '2026-11-22T09:00:00.000Z',
  });
  return { promotion: promotion.id, task: task.id, waiver: 'waiver' };
}

describe('scopes', () => {
  let ids: Ids | undefined;
  const shared = sharedApi(async (api) => {
    await api.putCandidate('a', '1');
    ids = await prepare(api);
  });

  test('every route that is not open stands in the table of this test', () => {
    const guarded = ROUTES.filter(({ access }) => access !== 'open').map(({ name }) => name);
    expect(Object.keys(REQUESTS).toSorted()).toEqual(guarded.toSorted());
  });

  test('only health and documents are open', () => {
    const open = ROUTES.filter(({ access }) => access === 'open').map(({ path }) => path);
    expect(open.toSorted()).toEqual(['/docs', '/healthz', '/openapi.json', '/readyz']);
  });

  test.each(
    ROUTES.filter(({ access }) => access !== 'open').map(({ name, method }) => [name, method] as const),
  )('%s lets in whom it should, and nobody else', async (name, method) => {
    const { path, body, allowed } = REQUESTS[name] as (typeof REQUESTS)[string];
    const place = path(ids as Ids);
    const options = body === undefined ? {} : { body };
    expect((await shared().call(method, place, { ...options, token: null })).status).toBe(401);
    const denied: TokenName[] = [];
    // The administrator last: what it cancels is gone.
    for (const token of ALL.toReversed()) {
      const { status, body: answer } = await shared().call(method, place, { ...options, token });
      expect(status).not.toBe(401);
      if (status !== 403) continue;
      denied.push(token);
      expect(answer).toMatchObject({ type: 'urn:gantry:problem:denied', token, scope: expect.any(String) });
    }
    expect(ALL.filter((token) => !denied.includes(token))).toEqual(allowed);
  });
});
