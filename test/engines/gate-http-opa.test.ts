import { readFileSync } from 'node:fs';
import { type Flow, type GateSubject, type HttpRule, openGates } from '@gantry/pipeline';
import { openSyncHere, type SyncHere } from '../fixtures/sync-here.ts';
import { helloImage } from '../fixtures/build-registry.ts';
import { type Opa, startOpa } from '../servers/opa.ts';
import { makeAuthority } from '../servers/certificates.ts';
import { needs } from '../servers/parts.ts';

/** The policy that docs/gates.md shows, and a rule that is true or not defined. */
const shown = readFileSync(new URL('../../docs/gates.md', import.meta.url), 'utf8');
const POLICY = `${/^```rego\n(.*?)^```$/ms.exec(shown)?.[1]}
is_team if {
	startswith(input.repository, "team/")
	"linux/amd64" in input.platforms
}
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
  expect(await ask(`${opa.data}/release/allow`)).toMatchObject({ satisfied: true, type: 'policy-allowed' });
  expect(await ask(`${opa.data}/release/allow`, { requestedBy: 'somebody' })).toMatchObject({
    satisfied: false,
    type: 'policy-denied',
    detail: `${opa.data}/release/allow says no: only the release bot promotes to stable`,
  });
});

real.test('a rule that is only true or undefined', async () => {
  expect(await ask(`${opa.data}/release/is_team`)).toMatchObject({ satisfied: true });
  expect(await ask(`${opa.data}/release/is_team`, { repository: 'other/app' })).toMatchObject({
    satisfied: false,
    type: 'policy-undefined',
  });
});

real.test('a path that leads to no rule, or to a whole package, refuses', async () => {
  expect(await ask(`${opa.data}/release/allowed`)).toMatchObject({ type: 'policy-undefined' });
  expect(await ask(`${opa.data}/release`)).toMatchObject({ satisfied: false, type: 'answer-invalid' });
});

real.test('over TLS it must be who its certificate says, and gets its token', async () => {
  const url = `${guarded.data}/release/allow`;
  const ca = authority.cert;
  expect(await ask(url, {}, { ca, token: TOKEN })).toMatchObject({ satisfied: true });
  expect(await ask(url, {}, { ca })).toMatchObject({ satisfied: false, evidence: { status: 401 } });
  for (const rule of [{}, { ca: makeAuthority('others').cert }]) {
    const requirement = await ask(url, {}, { ...rule, token: TOKEN });
    expect(requirement).toMatchObject({ satisfied: false, type: 'not-evaluated' });
    expect(requirement?.detail).toContain('has a certificate that is not trusted here');
  }
});
