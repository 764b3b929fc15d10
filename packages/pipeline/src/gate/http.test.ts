import type { ServerResponse } from 'node:http';
import { makeImage, makeLayer } from '@gantry/registry';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import type { HttpRule } from './configuration.ts';
import { currentSubject } from './current-subject.fixture.ts';
import { openHttpGate } from './http.ts';
import { answering, type PolicyServer, startPolicyServer } from './contract/policy-server.ts';

const IMAGE = makeImage({
  platform: { os: 'linux', architecture: 'amd64' },
  layers: [makeLayer([{ path: 'a', content: '1' }])],
  labels: { team: 'web' },
  annotations: { 'org.opencontainers.image.revision': 'abc' },
});
const TOKEN = 'policy-secret-1234';

let fixture: FlowFixture;
let policy: PolicyServer;
beforeAll(async () => {
  fixture = await openFlow();
  fixture.upstream.push('team/app', IMAGE, '1.0');
  await fixture.sync();
});
afterAll(() => fixture[Symbol.asyncDispose]());
beforeEach(async () => {
  policy = await startPolicyServer();
});
afterEach(() => policy[Symbol.asyncDispose]());

async function ask(rule: Partial<HttpRule> = {}, signal = new AbortController().signal) {
  const evaluate = openHttpGate({ url: policy.url, timeoutMs: 5000, ...rule });
  const subject = await currentSubject(fixture.flow, 'team/app', '1.0');
  const [requirement, ...others] = await evaluate(subject, { flow: fixture.flow, signal });
  expect(others).toEqual([]);
  return requirement;
}

describe('a policy service', () => {
  test('is told of the image, and its yes passes', async () => {
    expect(await ask({ token: TOKEN })).toEqual({
      name: 'policy',
      satisfied: true,
      type: 'policy-allowed',
      detail: `${policy.url} says yes`,
      evidence: { url: policy.url, status: 200 },
    });
    expect(policy.asked).toMatchObject([
      {
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
        body: {
          input: {
            channel: 'stable',
            repository: 'team/app',
            reference: '1.0',
            digest: IMAGE.digest,
            tags: ['1.0', 'latest'],
            requestedBy: 'bot',
            labels: { team: 'web' },
            annotations: { 'org.opencontainers.image.revision': 'abc' },
            platforms: ['linux/amd64'],
          },
        },
      },
    ]);
  });

  test('says why not', async () => {
    policy.behave = answering(200, { result: { allow: false, reasons: ['no SBOM', 'too old'] } });
    expect(await ask()).toMatchObject({
      satisfied: false,
      type: 'policy-denied',
      detail: `${policy.url} says no: no SBOM; too old`,
    });
  });

  test('whose rule is not defined refuses', async () => {
    policy.behave = answering(200, {});
    const requirement = await ask();
    expect(requirement).toMatchObject({ satisfied: false, type: 'policy-undefined' });
    expect(requirement).not.toHaveProperty('pending');
  });

  test('is named without the secrets in its address, and without the token, whatever it sends back', async () => {
    const url = `${policy.url}?key=${TOKEN}`;
    for (const body of ['<html>', JSON.stringify({ result: 'yes' }), '']) {
      policy.behave = answering(200, body);
      expect(JSON.stringify(await ask({ url, token: TOKEN }))).not.toContain(TOKEN);
    }
    await policy.stop();
    expect(JSON.stringify(await ask({ url, token: TOKEN }))).not.toContain(TOKEN);
    await policy.start();
  });
});

describe('fails closed', () => {
  test.each([408, 425, 429, 500, 502, 503, 504])(
    'fail-open on 429 and its like: an answer %i is waited for, and is never a pass',
    async (status) => {
      policy.behave = answering(status, { result: true }, { 'Retry-After': '7' });
      expect(await ask()).toEqual({
        name: 'policy',
        satisfied: false,
        type: 'not-evaluated',
        detail: `${policy.url} answered ${status}, where 200 is awaited`,
        pending: true,
        evidence: { url: policy.url, status, notBefore: '2026-11-21T09:00:07.000Z' },
      });
      expect(policy.asked).toHaveLength(1);
    },
  );

  test.each([201, 204, 400, 401, 403, 404, 418])('an answer %i refuses', async (status) => {
    policy.behave = answering(status, status === 204 ? '' : { result: true });
    const requirement = await ask();
    expect(requirement).toMatchObject({ satisfied: false, type: 'not-evaluated' });
    expect(requirement).not.toHaveProperty('pending');
  });

  test.each([301, 302, 303, 307, 308])('a redirect (%i) to a yes is not followed', async (status) => {
    await using other = await startPolicyServer();
    policy.behave = answering(status, '', { Location: other.url });
    expect(await ask()).toMatchObject({ satisfied: false, detail: expect.stringContaining('not followed') });
    expect(other.asked).toEqual([]);
  });

  test.each<[string, (response: ServerResponse) => void, string]>([
    ['never answers', () => undefined, 'does not answer within 0.3 s'],
    [
      'sends a byte now and then',
      (response) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write(' '), 50);
        response.once('close', () => clearInterval(timer));
      },
      'does not answer within 0.3 s',
    ],
    ['drops the connection', (response) => response.destroy(), 'broke the connection'],
    [
      'drops it in the middle of a yes',
      (response) => {
        response.writeHead(200, { 'Content-Length': '15' }).write('{"result":');
        response.write('true', () => response.destroy());
      },
      'broke the connection',
    ],
  ])('one that %s is waited for', async (_, behave, why) => {
    policy.behave = behave;
    expect(await ask({ timeoutMs: 300 })).toMatchObject({
      satisfied: false,
      type: 'not-evaluated',
      detail: `${policy.url} ${why}`,
      pending: true,
    });
  });

  test('one that is not there is waited for, and asked anew when it is', async () => {
    const evaluate = openHttpGate({ url: policy.url, timeoutMs: 5000 });
    const subject = await currentSubject(fixture.flow, 'team/app', '1.0');
    const context = { flow: fixture.flow, signal: new AbortController().signal };
    expect(await evaluate(subject, context)).toMatchObject([{ satisfied: true }]);
    await policy.stop();
    expect(await evaluate(subject, context)).toMatchObject([
      {
        satisfied: false,
        type: 'not-evaluated',
        detail: `${policy.url} refuses the connection`,
        pending: true,
      },
    ]);
    await policy.start();
    expect(await evaluate(subject, context)).toMatchObject([{ satisfied: true }]);
  });

  test.each([
    ['a page for people', '<!doctype html><title>Sign in</title>'],
    ['text that is true', 'true'],
    ['a yes of the wrong type', '{"result":"true"}'],
    ['two answers', '{"result":true,"result":false}'],
    ['nothing', ''],
  ])('a 200 with %s refuses', async (_, body) => {
    policy.behave = answering(200, body);
    const requirement = await ask();
    expect(requirement).toMatchObject({ satisfied: false, type: 'answer-invalid' });
    expect(requirement).not.toHaveProperty('pending');
  });

  test('an answer of more than 1 MiB refuses, and is not read to its end', async () => {
    let sent = 0;
    policy.behave = (response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536))) sent += 65_536;
        sent += 65_536;
      };
      response.on('drain', more);
      more();
    };
    expect(await ask()).toMatchObject({ type: 'answer-invalid', detail: expect.stringContaining('1 MiB') });
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  test('what does not speak HTTP refuses', async () => {
    policy.behave = (response) => void response.socket?.end('220 smtp.example.org ESMTP\r\n');
    expect(await ask()).toMatchObject({ satisfied: false, detail: `${policy.url} does not speak HTTP here` });
  });

  test('who is not waited for any longer gives up', async () => {
    policy.behave = () => undefined;
    const gone = new AbortController();
    const asking = ask({}, gone.signal);
    gone.abort(new Error('not waited for'));
    await expect(asking).rejects.toThrow('not waited for');
  });
});
