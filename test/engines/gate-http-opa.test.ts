import { type Flow, type GateSubject, type HttpRule, openGates } from '@gantry/pipeline';
import { openSyncHere, type SyncHere } from '../fixtures/sync-here.ts';
import { helloImage } from '../fixtures/build-registry.ts';
import { type Opa, startOpa } from '../servers/opa.ts';
import { makeAuthority } from '../servers/certificates.ts';
import { needs } from '../servers/parts.ts';

/** The policy that docs/gates.md shows. */
const POLICY = `package gantry

default promote := {"allow": false, "reasons": ["only the release bot promotes to stable"]}

promote := {"allow": true} if {
	input.channel == "stable"
	input.requestedBy == "release-bot"
	startswith(input.digest, "sha256:")
	"linux/amd64" in input.platforms
}

is_team if startswith(input.repository, "team/")
`;
const authority = makeAuthority('the policies');
const TOKEN = 'a-token-for-the-policy';

const real = needs('opa');
const opened = new AsyncDisposableStack();
let opa: Opa;
let guarded: Opa;
let here: SyncHere;
real.beforeAll(async () => {
  opa = opened.use(await startOpa(POLICY));
  const certificate = authority.issue('opa');
  guarded = opened.use(await startOpa(POLICY, { token: TOKEN, certificate }));
  here = opened.use(await openSyncHere());
  here.upstream.push('team/app', helloImage('app'), '1.0');
  await here.sync();
});
real.afterAll(() => opened.disposeAsync());

async function ask(url: string, changed: Partial<GateSubject> = {}, rule: Partial<HttpRule> = {}) {
  const flow: Flow = here.flow;
  const subject: GateSubject = {
    channel: 'stable',
    repository: 'team/app',
    reference: '1.0',
    digest: helloImage('app').digest,
    tags: ['1.0'],
    companions: [],
    referrers: [],
    requestedBy: 'release-bot',
    approvals: [],
    ...changed,
  };
  const [gate] = openGates([{ http: { url, timeoutMs: 5000, ...rule } }]);
  const requirements = await gate?.evaluate(subject, { flow, signal: new AbortController().signal });
  return requirements?.[0];
}

real.test('Open Policy Agent is asked, and its decision holds', async () => {
  expect(await ask(`${opa.data}/gantry/promote`)).toMatchObject({ satisfied: true, type: 'policy-allowed' });
  expect(await ask(`${opa.data}/gantry/promote`, { requestedBy: 'somebody' })).toMatchObject({
    satisfied: false,
    type: 'policy-denied',
    detail: `${opa.data}/gantry/promote says no: only the release bot promotes to stable`,
  });
});

real.test('a rule that is only true or undefined', async () => {
  expect(await ask(`${opa.data}/gantry/is_team`)).toMatchObject({ satisfied: true });
  expect(await ask(`${opa.data}/gantry/is_team`, { repository: 'other/app' })).toMatchObject({
    satisfied: false,
    type: 'policy-undefined',
  });
});

real.test('a path that leads to no rule, or to a whole package, refuses', async () => {
  expect(await ask(`${opa.data}/gantry/promoted`)).toMatchObject({ type: 'policy-undefined' });
  expect(await ask(`${opa.data}/gantry`)).toMatchObject({ satisfied: false, type: 'answer-invalid' });
});

real.test('over TLS it must be who its certificate says, and gets its token', async () => {
  const url = `${guarded.data}/gantry/promote`;
  const ca = authority.cert;
  expect(await ask(url, {}, { ca, token: TOKEN })).toMatchObject({ satisfied: true });
  expect(await ask(url, {}, { ca })).toMatchObject({ satisfied: false, evidence: { status: 401 } });
  for (const rule of [{}, { ca: makeAuthority('others').cert }]) {
    const requirement = await ask(url, {}, { ...rule, token: TOKEN });
    expect(requirement).toMatchObject({ satisfied: false, type: 'not-evaluated' });
    expect(requirement?.detail).toContain('has a certificate that is not trusted here');
  }
});
