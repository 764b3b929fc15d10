import { createInProcessRegistry } from '@gantry/registry';
import {
  answering,
  type PolicyServer,
  startPolicyServer,
} from '../../packages/pipeline/src/gate/contract/policy-server.ts';
import type { Work } from '../clients/gantry-api.ts';
import { helloImage } from '../fixtures/build-registry.ts';
import { embeddedConfiguration, type Gantry, startGantry } from '../servers/gantry.ts';
import { withLogs } from '../servers/process.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** A promotion with what its gates said. */
interface Gated extends Work {
  readonly gates: readonly {
    readonly gate: string;
    readonly state: string;
    readonly requirements: readonly {
      readonly type: string;
      readonly detail: string;
      readonly pending: boolean;
    }[];
  }[];
}
type Behaviour = PolicyServer['behave'];

const YES = answering(200, { result: true });
const WRITTEN = { 'Content-Type': 'text/html' };
let elsewhere: PolicyServer;

/** What passes by itself, as far as anybody can know. */
const PASSING: Readonly<Record<string, Behaviour>> = {
  hangs: () => undefined,
  trickles: (response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write(' '), 100);
    response.once('close', () => clearInterval(timer));
  },
  'drops-the-connection': (response) => response.destroy(),
  'answers-500': answering(500, { result: true }),
  'answers-429': answering(429, { result: true }, { 'Retry-After': '1' }),
  'answers-503': answering(503, { result: true }, { 'Retry-After': '1' }),
};
/** What will not pass. */
const LASTING: Readonly<Record<string, Behaviour>> = {
  'lies-with-a-page': answering(200, '<html>{"result":true}</html>', WRITTEN),
  'lies-with-another-type': answering(200, { result: 'true' }),
  'lies-with-nothing': answering(200, {}),
  'redirects-to-a-yes': (response) => answering(302, '', { Location: elsewhere.url })(response),
  'refuses-the-token': answering(401, { result: true }),
};
const TAGS = [...Object.keys(PASSING), ...Object.keys(LASTING), 'clean', 'critical', 'other'];

const opened = new AsyncDisposableStack();
let policy: PolicyServer;
let gantry: Gantry;

beforeAll(async () => {
  policy = opened.use(await startPolicyServer());
  elsewhere = opened.use(await startPolicyServer());
  const registry = createInProcessRegistry();
  for (const tag of TAGS) registry.push('team/app', helloImage(tag), tag);
  const { url } = opened.use(await registry.listen());
  const folder = opened.use(await temporaryFolder('gate-sources'));
  const http = { url: policy.url, timeout: '1s', token: 'policy-secret-1234' };
  const channels = [
    { name: 'strict', prefix: 'strict/', gates: [{ http }] },
    { name: 'patient', prefix: 'patient/', gates: [{ wait: '1h', http }] },
    {
      name: 'scanned',
      prefix: 'scanned/',
      gates: [{ wait: '1h', vulnerabilities: { atMost: { critical: 0 } } }],
    },
  ];
  const configuration = await embeddedConfiguration({ sources: [{ name: 'builds', registry: url }] });
  gantry = opened.use(
    await startGantry({ folder: folder.path, configuration: { ...configuration, channels } }),
  );
  const synced = await gantry.api.sync('builds');
  if (synced.state !== 'done') throw withLogs(new Error(`the sync ended ${synced.state}`), [gantry]);
}, 60_000);
afterAll(() => opened.disposeAsync(), 60_000);

/** Each image is in trouble of its own. */
function misbehave(by: Readonly<Record<string, Behaviour>>): void {
  policy.behave = (response, asked) => {
    const { input } = asked as { input: { reference: string } };
    (by[input.reference] ?? YES)(response, asked);
  };
}

async function promote(to: string, reference: string): Promise<string> {
  const { status, body } = await gantry.api.call<Work>('POST', '/api/v1/promotions', {
    body: { to, items: [{ repository: 'team/app', reference }], reason: 'the tests want it' },
  });
  expect(status).toBe(202);
  return body.id;
}

async function look(id: string): Promise<Gated> {
  return (await gantry.api.call<Gated>('GET', `/api/v1/promotions/${id}`)).body;
}

const reached = (id: string, what: string, isSo: (promotion: Gated) => boolean, withinMs = 30_000) =>
  until(
    `${id} to ${what}`,
    async () => {
      const promotion = await look(id);
      return isSo(promotion) && promotion;
    },
    { withinMs },
  );
const waits = (id: string) => reached(id, 'wait', ({ gates }) => gates[0]?.state === 'waiting');
const ends = (id: string, withinMs?: number) =>
  reached(id, 'end', ({ state }) => ['done', 'refused', 'failed', 'partial'].includes(state), withinMs);
const isPublished = async (name: string) =>
  (
    await fetch(`http://${gantry.crane}/v2/${name.replace(':', '/manifests/')}`, {
      method: 'HEAD',
      redirect: 'manual',
    })
  ).status !== 404;

/** What Trivy says of an image, in short. */
const report = (named: string, critical: boolean) => ({
  SchemaVersion: 2,
  Metadata: { RepoDigests: [`registry.example.org/team/app@${helloImage(named).digest}`] },
  Results: critical
    ? [
        {
          Vulnerabilities: [{ VulnerabilityID: 'CVE-2026-0001', PkgName: 'openssl', Severity: 'CRITICAL' }],
        },
      ]
    : [],
});
const post = (tag: string, body: unknown) =>
  gantry.api.call<{ detail?: string }>(
    'POST',
    `/api/v1/reports?digest=${encodeURIComponent(helloImage(tag).digest)}&source=scanner`,
    { body },
  );

test.each([...Object.keys(PASSING), ...Object.keys(LASTING)])(
  'a policy service that %s: a promotion that does not wait is refused',
  async (reference) => {
    misbehave({ ...PASSING, ...LASTING });
    const { state, gates, items } = await ends(await promote('strict', reference));
    expect([state, gates[0]?.state]).toEqual(['refused', 'refused']);
    expect(items?.[0]?.problem?.type).toBe('urn:gantry:problem:gate-refused');
    expect(await isPublished(`strict/team/app:${reference}`)).toBe(false);
    expect(elsewhere.asked).toEqual([]);
  },
);

test('a policy service that lies refuses also what would wait', async () => {
  misbehave(LASTING);
  const ids = await Promise.all(Object.keys(LASTING).map((reference) => promote('patient', reference)));
  const ended = await Promise.all(ids.map((id) => ends(id)));
  expect(ended.map(({ state }) => state)).toEqual(ids.map(() => 'refused'));
});

test('a policy service in trouble is waited for, and when it has recovered all that waited goes on by itself', async () => {
  misbehave(PASSING);
  const references = Object.keys(PASSING);
  const ids = await Promise.all(references.map((reference) => promote('patient', reference)));
  const waiting = await Promise.all(ids.map(waits));
  expect(waiting.map(({ gates }) => gates[0]?.requirements[0]?.type)).toEqual(ids.map(() => 'not-evaluated'));
  for (const reference of references) expect(await isPublished(`patient/team/app:${reference}`)).toBe(false);
  misbehave({});
  const ended = await Promise.all(ids.map((id) => ends(id, 60_000)));
  expect(ended.map(({ state }) => state)).toEqual(ids.map(() => 'done'));
  for (const { gates } of ended) expect(gates).toMatchObject([{ state: 'passed' }]);
  expect(gantry.log()).not.toContain('policy-secret-1234');
}, 120_000);

describe('a scanner', () => {
  test('that reports of another image, or in no form that is known, changes nothing; its report of this one lets it go on', async () => {
    const id = await promote('scanned', 'clean');
    await waits(id);
    for (const wrong of [report('other', false), { result: 'clean' }, []]) {
      expect((await post('clean', wrong)).status).toBeGreaterThanOrEqual(400);
      expect((await look(id)).state).toBe('gating');
    }
    expect((await post('clean', report('clean', false))).status).toBe(201);
    expect((await ends(id)).state).toBe('done');
    expect(await isPublished('scanned/team/app:clean')).toBe(true);
  });

  test('that has found something critical refuses what waited', async () => {
    const id = await promote('scanned', 'critical');
    await waits(id);
    expect((await post('critical', report('critical', true))).status).toBe(201);
    const { state, gates } = await ends(id);
    expect(state).toBe('refused');
    expect(gates[0]?.requirements).toMatchObject([{ type: 'report-found' }, { type: 'vulnerability-found' }]);
  });
});
