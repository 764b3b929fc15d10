import { makeImage, makeLayer } from '@gantry/registry';
import { openFlow } from '../flow.fixture.ts';
import type { GateConfiguration } from './configuration.ts';
import { answering, startPolicyServer } from './contract/policy-server.ts';
import { makeSigner } from './contract/signing.ts';
import { currentSubject } from './current-subject.fixture.ts';
import { openGates } from './open-gates.ts';
import { EVALUATED } from './requirement-names.ts';

test('what a gate may ask for is known beforehand, by the names that it has when the gate is asked', async () => {
  await using policy = await startPolicyServer();
  policy.behave = answering(200, { result: true });
  const configurations: readonly GateConfiguration[] = [
    { results: { testcases: ['smoke', 'boot', 'smoke'] } },
    { name: 'scenarios', results: { testcases: ['smoke', 'boot'], scenarios: ['x86_64', 'aarch64'] } },
    { approvals: { count: 1 } },
    { match: { labels: { team: 'web' }, annotations: { vendor: 'Example' } } },
    { age: { atLeastMs: 1 } },
    { signature: { keys: [{ name: 'a.pub', pem: makeSigner().pem }] } },
    { referrers: { artifactTypes: ['application/spdx+json', 'text/x'] } },
    { http: { url: policy.url, timeoutMs: 5000 } },
  ];
  await using fixture = await openFlow();
  const layers = [makeLayer([{ path: 'a', content: '1' }])];
  const image = makeImage({ platform: { os: 'linux', architecture: 'amd64' }, layers });
  fixture.upstream.push('team/app', image, '1.0');
  await fixture.sync();
  const subject = await currentSubject(fixture.flow, 'team/app', '1.0');
  const context = { flow: fixture.flow, signal: new AbortController().signal };
  const gates = openGates(configurations);
  for (const gate of gates) {
    const asked = await gate.evaluate(subject, context);
    expect(gate.requirements).toEqual([...asked.map(({ name }) => name), EVALUATED]);
  }
  expect(gates[1]?.requirements).toContain('smoke aarch64');
});

test('ids of vulnerabilities are not known beforehand', () => {
  const [gate] = openGates([{ vulnerabilities: { atMost: { critical: 0 } } }]);
  expect(gate).not.toHaveProperty('requirements');
});
