import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  createInProcessRegistry,
  type InProcessRegistry,
  makeImage,
  makeIndex,
  makeLayer,
  makeSbom,
} from '@gantry/registry';
import type { Problem, Work } from '../clients/gantry-api.ts';
import {
  embeddedConfiguration,
  type Gantry,
  gantry as command,
  startGantry,
  writeConfiguration,
} from '../servers/gantry.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';
import { published, release } from './world.ts';

/** A channel with gates: what passes them is published once they have, what does not is refused with every reason. */

const image = (architecture: string, labels: Readonly<Record<string, string>>) =>
  makeImage({
    platform: { os: 'linux', architecture },
    layers: [makeLayer([{ path: 'hello', content: architecture }])],
    labels,
  });
const GOOD = makeIndex(['amd64', 'arm64'].map((one) => image(one, { vendor: 'Example Inc.' })));
const BAD = makeIndex([image('amd64', { vendor: 'Example Inc.' }), image('arm64', {})]);
const SPDX = 'application/spdx+json';

const GATES = [
  { match: { labels: { vendor: 'Example *' } } },
  { referrers: { artifactTypes: [SPDX] } },
  { age: { atLeast: '1s' }, wait: '1m' },
  { name: 'tests', wait: '1h', results: { testcases: ['smoke', 'upgrade'], sources: ['openqa', 'ci'] } },
  { name: 'board', approvals: { count: 2, groups: ['board'] } },
];
const TOKENS = [
  { name: 'openqa', scopes: ['report:openqa'] },
  { name: 'ci', scopes: ['report:ci', 'report:nightly'] },
  { name: 'release', scopes: ['read', 'promote:stable', 'approve:stable'], groups: ['board'] },
  { name: 'ada', scopes: ['approve:stable'], groups: ['board'] },
  { name: 'bob', scopes: ['approve:stable'], groups: ['board', 'staff'] },
  { name: 'eve', scopes: ['approve:stable'], groups: ['staff'] },
];

interface Requirement {
  readonly gate: string | null;
  readonly type: string;
  readonly testcase: string;
  readonly detail: string;
}
interface Decision {
  readonly policies_satisfied: boolean;
  readonly summary: string;
  readonly unsatisfied_requirements: readonly Requirement[];
}
interface Verdict {
  readonly gate: string;
  readonly state: string;
  readonly requirements: readonly { readonly detail: string }[];
}
type Promotion = Work & { readonly gates: readonly Verdict[]; readonly approvals: readonly { by: string }[] };

const opened = new AsyncDisposableStack();
let registry: InProcessRegistry;
let gantry: Gantry;

beforeAll(async () => {
  const folder = opened.use(await temporaryFolder('gates')).path;
  registry = createInProcessRegistry();
  registry.push('app', GOOD, '1.0');
  registry.push('app', makeSbom(GOOD, 'app'));
  registry.push('app', BAD, '2.0');
  const { url } = opened.use(await registry.listen());
  const embedded = await embeddedConfiguration({ sources: [{ name: 'builds', registry: url }] });
  const configuration = {
    ...embedded,
    channels: [
      { name: 'testing', prefix: 'testing/' },
      { name: 'stable', from: 'testing', gates: GATES },
    ],
    api: {
      ...embedded.api,
      tokens: [...embedded.api.tokens, ...TOKENS.map((one) => ({ ...one, token: `token-of-${one.name}` }))],
    },
  };
  gantry = opened.use(await startGantry({ folder, configuration }));
  await release(
    { gantry },
    'testing',
    ['1.0', '2.0'].map((reference) => ({ repository: 'app', reference })),
  );
}, 60_000);
afterAll(() => opened.disposeAsync(), 60_000);

const call = <T>(method: string, place: string, token: string, body?: unknown) =>
  gantry.api.call<T>(method, `/api/v1/${place}`, {
    token: `token-of-${token}`,
    ...(body === undefined ? {} : { body }),
  });
const decide = async (identifier: string) =>
  (
    await call<Decision>('POST', 'decisions', 'release', {
      decision_context: 'stable',
      subject_type: 'container-image',
      subject_identifier: identifier,
    })
  ).body;
const missing = ({ unsatisfied_requirements }: Decision) =>
  unsatisfied_requirements.map(({ gate, testcase, type }) => [gate, testcase, type]);
const ask = async (reference: string) => {
  const body = { to: 'stable', items: [{ repository: 'app', reference }] };
  return (await call<Promotion>('POST', 'promotions', 'release', body)).body.id;
};
const look = async (id: string) => (await call<Promotion>('GET', `promotions/${id}`, 'release')).body;
const report = (token: string, testcase: string, some: object = {}) =>
  call<{ id: string }>('POST', 'results', token, {
    digest: GOOD.digest,
    testcase,
    outcome: 'PASSED',
    ...some,
  });
/** The promotion, once the gate of that name says so. */
const when = (id: string, gate: string, state: string) =>
  until(`${gate} of ${id} to be ${state}`, async () => {
    const promotion = await look(id);
    return promotion.gates.some((one) => one.gate === gate && one.state === state) && promotion;
  });

test('what passes every gate is published then, and not before', async () => {
  const before = await until('the image to be old enough', async () => {
    const decision = await decide('app:1.0');
    return decision.unsatisfied_requirements.every(({ gate }) => gate !== 'age') && decision;
  });
  expect([before.policies_satisfied, missing(before)]).toEqual([
    false,
    [
      ['tests', 'smoke', 'test-result-missing'],
      ['tests', 'upgrade', 'test-result-missing'],
      ['board', 'approvals', 'approval-missing'],
    ],
  ]);

  const id = await ask('1.0');
  await when(id, 'tests', 'waiting');
  expect(await published(gantry, 'app', '1.0')).toBe(404);

  expect((await report('openqa', 'smoke')).status).toBe(201);
  expect((await report('ci', 'upgrade')).status).toBe(422); // which of the two does it speak for?
  expect((await report('ci', 'upgrade', { source: 'openqa' })).status).toBe(403);
  await report('ci', 'upgrade', { source: 'nightly' }); // nobody asked that one
  expect((await look(id)).gates.find(({ gate }) => gate === 'tests')?.state).toBe('waiting');
  await report('ci', 'upgrade', { source: 'ci', outcome: 'RUNNING' });
  await report('ci', 'upgrade', { source: 'ci' });
  await when(id, 'tests', 'passed');

  const approve = (token: string) => call<Promotion>('POST', `promotions/${id}/approvals`, token, {});
  expect((await approve('release')).status).toBe(403); // its own request
  await approve('eve'); // of no group that counts
  await approve('ada');
  const waiting = await until('the approvals to be counted', async () => {
    const promotion = await look(id);
    const [requirement] = promotion.gates.find(({ gate }) => gate === 'board')?.requirements ?? [];
    return requirement?.detail.startsWith('1 of 2 approvals (ada)') === true && promotion;
  });
  expect([waiting.state, waiting.approvals.map(({ by }) => by)]).toEqual(['gating', ['eve', 'ada']]);
  expect(await published(gantry, 'app', '1.0')).toBe(404);

  // The tag moves on meanwhile. What was gated is what is published.
  registry.push('app', image('amd64', {}), '1.0');
  await release({ gantry }, 'testing', [{ repository: 'app', reference: '1.0' }]);
  await approve('bob');
  const done = await gantry.api.promotionEnded(id);
  expect(done.state).toBe('done');
  expect(await published(gantry, 'app', '1.0')).toBe(GOOD.digest);
  expect((await look(id)).gates.map(({ gate, state }) => [gate, state])).toEqual(
    ['match', 'referrers', 'age', 'tests', 'board'].map((gate) => [gate, 'passed']),
  );
}, 60_000);

test('what does not is refused at once, with every reason; a waiver is for what it names, for its time', async () => {
  const subject = `app@${BAD.digest}`;
  await call('POST', 'results', 'openqa', { digest: BAD.digest, testcase: 'smoke', outcome: 'FAILED' });
  const id = await ask('2.0');
  const refused = await gantry.api.promotionEnded(id);
  expect([refused.state, refused.items?.[0]?.problem?.type]).toEqual([
    'refused',
    'urn:gantry:problem:gate-refused',
  ]);
  expect(refused.items?.[0]?.problem?.detail).toMatch(
    /^refused by match: the label vendor of linux\/arm64 is absent; it must match "Example \*"\. By referrers: no referrer .* of the type application\/spdx\+json came with it.*\. By tests: smoke is FAILED, says openqa/,
  );
  expect(await published(gantry, 'app', '2.0')).toBe(404);

  const expiresAt = new Date(Date.now() + 3000).toISOString();
  const waive = (gate: string, requirement?: string) =>
    call<{ id: string }>('POST', 'waivers', 'bob', {
      channel: 'stable',
      repository: 'app',
      reference: BAD.digest,
      gate,
      ...(requirement === undefined ? {} : { requirement }),
      reason: 'only for this release',
      expiresAt,
    });
  expect((await waive('match')).status).toBe(201);
  expect((await waive('tests', 'smoke')).status).toBe(201);
  const left = [
    ['referrers', SPDX, 'referrer-missing'],
    ['tests', 'upgrade', 'test-result-missing'],
    ['board', 'approvals', 'approval-missing'],
  ];
  expect(missing(await decide(subject)).filter(([gate]) => gate !== 'age')).toEqual(left);
  await until(
    'the waivers to be over',
    async () => (await decide(subject)).unsatisfied_requirements.length > 3,
  );
  expect(missing(await decide(subject)).filter(([gate]) => gate !== 'age')).toEqual([
    ['match', 'label vendor', 'label-missing'],
    left[0],
    ['tests', 'smoke', 'test-result-failed'],
    ...left.slice(1),
  ]);
  const { items } = (await call<{ items: { author: string; reason: string }[] }>('GET', 'waivers', 'release'))
    .body;
  expect(items.map(({ author, reason }) => [author, reason])).toEqual([
    ['bob', 'only for this release'],
    ['bob', 'only for this release'],
  ]);
}, 60_000);

test('a key that is none, or is not there, keeps the service from starting, and is named', async () => {
  await using folder = await temporaryFolder('gates-key');
  const embedded = await embeddedConfiguration({});
  const gates = [{ approvals: {} }, { signature: { keyFiles: ['release.pub'] } }];
  await writeConfiguration(folder.path, { ...embedded, channels: [{ name: 'stable', gates }] });
  const start = () => command(folder.path, ['serve', 'promote']);
  const absent = await start();
  expect([absent.code, absent.stderr]).toEqual([
    2,
    expect.stringContaining(
      `channels[0].gates[1].signature.keyFiles[0]: ${folder.path}/release.pub can not be read`,
    ),
  ]);
  await writeFile(path.join(folder.path, 'release.pub'), 'no key');
  const none = await start();
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('release.pub')]);
}, 60_000);

test('a problem of the API names the gates that there are', async () => {
  const { status, body } = await call<Problem>('POST', 'waivers', 'bob', {
    channel: 'stable',
    repository: 'app',
    reference: '1.0',
    gate: 'tets',
    reason: 'why',
    expiresAt: new Date(Date.now() + 60_000).toISOString(),
  });
  expect([status, body.detail]).toEqual([
    422,
    'the channel stable has no gate "tets": it has match, referrers, age, tests, board',
  ]);
});
