import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Fault, toProblem } from '@gantry/oci';
import type { PromotionAnswer } from '../answers.ts';
import { DIGEST, promotion, startApiServer } from '../api-server.fixture.ts';
import { gantry } from '../cli.fixture.ts';
import type { VerdictAnswer } from '../gate-answers.ts';

const at = '2026-11-21T09:00:00.000Z';
const verdict = { repository: 'a/b', digest: DIGEST, at } as const;
const gates: readonly VerdictAnswer[] = [
  {
    ...verdict,
    gate: 'tests',
    kind: 'results',
    state: 'refused',
    requirements: [
      {
        name: 'smoke',
        satisfied: true,
        type: 'test-result-passed',
        detail: 'smoke PASSED by ci: https://ci.example.org/42',
        evidence: { result: 'r1', by: '' },
      },
      {
        name: 'slow',
        satisfied: false,
        type: 'test-result-failed',
        detail: 'slow FAILED by ci',
        waiver: 'w1',
      },
      { name: 'upgrade', satisfied: false, type: 'test-result-missing', detail: 'no result of upgrade' },
    ],
  },
  {
    ...verdict,
    gate: 'approvals',
    kind: 'approvals',
    state: 'waiting',
    requirements: [
      {
        name: 'approvals',
        satisfied: false,
        type: 'approval-missing',
        detail: '1 of 2 approvals\u001b[31m',
        pending: true,
      },
    ],
  },
  { ...verdict, gate: 'labels', kind: 'match', state: 'passed', requirements: [] },
];

async function why(changes: Partial<PromotionAnswer>, ...more: string[]) {
  await using server = await startApiServer({
    'GET /api/v1/promotions/p1': () => ({ body: promotion(changes) }),
  });
  return await gantry(['why', 'p1', ...more, '--server', server.url]);
}

describe('gantry why', () => {
  test('of a promotion shows each gate, each requirement, what it rests on and what may help', async () => {
    const problem = toProblem(new Fault('GATE_REFUSED', 'refused by tests'));
    const items = promotion().items.map((item) => ({ ...item, state: 'refused', problem }));
    const { code, out, err } = await why({ state: 'refused', serial: null, gates, items });
    expect(code).toBe(3);
    expect(out.split('\n')).toEqual([
      'promotion p1 to stable: refused',
      `a/b@${DIGEST}`,
      '  gate tests (results): refused, asked 2026-11-21 09:00:00Z',
      '    + smoke (test-result-passed): smoke PASSED by ci: https://ci.example.org/42',
      '        result: r1',
      '    w slow (test-result-failed): slow FAILED by ci',
      '        waiver w1',
      '    ! upgrade (test-result-missing): no result of upgrade',
      '  gate approvals: waiting, asked 2026-11-21 09:00:00Z',
      String.raw`    ? approvals (approval-missing): 1 of 2 approvals\u001b[31m`,
      '  gate labels (match): passed, asked 2026-11-21 09:00:00Z',
      '    it asks for nothing here',
      'what may help:',
      `  gantry waive stable a/b@${DIGEST} --gate tests --requirement upgrade --reason "…" --expires 7d`,
      `  gantry promote a/b@${DIGEST} --to stable --tag 1.0 --wait`,
      '',
    ]);
    expect(err).toBe('gantry: a/b:1.0: refused by tests\n');
  });

  test('of a promotion that waits says what it waits for, as commands', async () => {
    const missing = {
      name: 'upgrade',
      satisfied: false,
      type: 'test-result-missing',
      detail: 'none',
      pending: true,
    };
    const tests = { ...verdict, gate: 'tests', kind: 'results', state: 'waiting' } as const;
    const evidence = { testcase: 'upgrade' };
    const asked = [{ ...tests, requirements: [{ ...missing, evidence }] }, ...gates.slice(1)];
    const { out } = await why({ state: 'gating', gates: asked });
    expect(out.split('what may help:\n')[1]?.split('\n')).toEqual([
      `  gantry results add a/b@${DIGEST} upgrade OUTCOME --source …`,
      `  gantry waive stable a/b@${DIGEST} --gate tests --requirement upgrade --reason "…" --expires 7d`,
      '  gantry approve p1',
      `  gantry waive stable a/b@${DIGEST} --gate approvals --requirement approvals --reason "…" --expires 7d`,
      '',
    ]);
  });

  test('ends with 0 where every gate is passed, and with 3 while one waits', async () => {
    expect(await why({ gates: gates.slice(2) })).toMatchObject({ code: 0, err: '' });
    expect(await why({})).toMatchObject({ code: 0, out: expect.stringContaining('no gate was asked\n') });
    expect(await why({ state: 'gating', gates: gates.slice(1) })).toMatchObject({ code: 3 });
  });

  test('gives what the API says as JSON', async () => {
    const { out } = await why({ gates }, '--output', 'json');
    expect(JSON.parse(out)).toEqual(promotion({ gates }));
  });
});

describe('gantry why, beforehand', () => {
  const asked = {
    subject_type: 'container-image',
    subject_identifier: `a/b@${DIGEST}`,
    gate: 'tests',
    kind: 'results',
    pending: false,
    waiver_id: null,
    evidence: {},
  };
  const missing = { ...asked, testcase: 'upgrade', type: 'test-result-missing', detail: 'no result' };
  const passed = { ...asked, testcase: 'smoke', type: 'test-result-passed', detail: 'PASSED by ci' };
  const waived = { ...asked, testcase: 'slow', type: 'test-result-failed-waived', waiver_id: 'w1' };
  const absent = { ...asked, subject_identifier: 'c:1', gate: null, kind: null, testcase: 'reference' };
  const decision = {
    policies_satisfied: false,
    summary: '2 of 4 requirements are not satisfied',
    applicable_policies: ['approvals', 'tests'],
    satisfied_requirements: [passed, { ...waived, detail: 'FAILED by ci' }],
    unsatisfied_requirements: [missing, { ...absent, type: 'reference-unknown', detail: 'there is no c:1' }],
    subjects: [{ repository: 'a/b', reference: '1.0', digest: DIGEST }],
  };

  test('shows what each gate would say of each image, and ends with 3 while something is missing', async () => {
    await using server = await startApiServer({ 'POST /api/v1/decisions': () => ({ body: decision }) });
    const words = ['why', 'a/b:1.0', 'c:1', '--to', 'stable', '--server', server.url];
    const { code, out } = await gantry(words);
    expect(code).toBe(3);
    expect(out.split('\n')).toEqual([
      `a/b@${DIGEST} (1.0)`,
      '  gate tests (results)',
      '    ! upgrade (test-result-missing): no result',
      '    + smoke (test-result-passed): PASSED by ci',
      '    w slow (test-result-failed-waived): FAILED by ci',
      '        waiver w1',
      'c:1',
      '    ! reference (reference-unknown): there is no c:1',
      '2 of 4 requirements are not satisfied',
      '',
    ]);
    expect(JSON.parse((await gantry([...words, '--output', 'json'])).out)).toEqual(decision);
    expect(server.requests.map(({ body }) => body)).toEqual(
      [{}, { verbose: true }].map((more) => ({
        items: [
          { repository: 'a/b', reference: '1.0' },
          { repository: 'c', reference: '1' },
        ],
        to: 'stable',
        ...more,
      })),
    );
  });

  test('ends with 0 where all is satisfied', async () => {
    const body = { ...decision, policies_satisfied: true, unsatisfied_requirements: [] };
    await using server = await startApiServer({ 'POST /api/v1/decisions': () => ({ body }) });
    expect(await gantry(['why', 'a/b:1.0', '--to', 'stable', '--server', server.url])).toMatchObject({
      code: 0,
      err: '',
    });
  });
});

describe('gantry approve', () => {
  test('says yes, and what is still waited for', async () => {
    const approved = promotion({
      state: 'gating',
      serial: null,
      gates: gates.slice(1, 2),
      approvals: [{ by: 'anna', at }],
    });
    await using server = await startApiServer({
      'POST /api/v1/promotions/p1/approvals': () => ({ body: approved }),
      'DELETE /api/v1/promotions/p1/approvals': () => ({ body: { ...approved, approvals: [] } }),
    });
    const approve = (...more: string[]) => gantry(['approve', 'p1', ...more, '--server', server.url]);
    const { code, out } = await approve('--comment', 'fine');
    expect({ code, lines: out.split('\n') }).toEqual({
      code: 0,
      lines: [
        'promotion p1 to stable: gating, approved by anna',
        'the gates are asked again now; before, they said:',
        String.raw`  gate approvals waits, a/b: 1 of 2 approvals\u001b[31m`,
        '',
      ],
    });
    expect(server.requests[0]?.body).toEqual({ comment: 'fine' });
    expect(await approve('--withdraw')).toMatchObject({
      code: 0,
      out: expect.stringContaining('approved by nobody'),
    });
  });

  test('says why not', async () => {
    await using server = await startApiServer({
      'POST /api/v1/promotions/p1/approvals': () => {
        throw new Fault('CONFLICT', 'the promotion p1 is done already');
      },
    });
    expect(await gantry(['approve', 'p1', '--server', server.url])).toEqual({
      code: 1,
      out: '',
      err: 'gantry: the promotion p1 is done already\n',
    });
  });
});

describe('gantry waive and waivers', () => {
  const waiver = {
    id: 'w1',
    channel: 'stable',
    digest: DIGEST,
    repository: 'a/b',
    gate: 'tests',
    requirement: 'upgrade',
    reason: 'a known flake',
    author: 'anna',
    createdAt: at,
    expiresAt: '2999-01-01T00:00:00.000Z',
    revoked: null,
  };

  test('waives a requirement of an image until a time', async () => {
    await using server = await startApiServer({
      'POST /api/v1/waivers': () => ({ status: 201, body: waiver }),
    });
    const { code, out } = await gantry([
      'waive',
      'stable',
      'a/b:1.0',
      '--gate',
      'tests',
      '--requirement',
      'upgrade',
      '--reason',
      'a known flake',
      '--expires',
      '2998-12-31',
      '--server',
      server.url,
    ]);
    expect(code).toBe(0);
    expect(out).toBe(
      'waiver w1: upgrade of gate tests of stable, for a/b@sha256:aaaaaaaaaaaa, until 2999-01-01 00:00:00Z\n',
    );
    expect(server.requests[0]?.body).toEqual({
      channel: 'stable',
      repository: 'a/b',
      reference: '1.0',
      gate: 'tests',
      requirement: 'upgrade',
      reason: 'a known flake',
      expiresAt: '2999-01-01T00:00:00.000Z',
    });
  });

  test('lists those in force, and all with --all; revokes one', async () => {
    const expired = { ...waiver, id: 'w2', requirement: null, expiresAt: at };
    const revoked = { ...waiver, id: 'w3', revoked: { by: 'otto', at } };
    await using server = await startApiServer({
      'GET /api/v1/waivers': () => ({ body: { items: [waiver, expired, revoked], next: null } }),
      'DELETE /api/v1/waivers/w1': () => ({ body: revoked }),
    });
    const waivers = (...words: string[]) => gantry(['waivers', ...words, '--server', server.url]);
    const { out } = await waivers('--output', 'plain');
    expect(out).toBe(
      'w1\tstable\ta/b@sha256:aaaaaaaaaaaa\ttests\tupgrade\tin force\t2999-01-01 00:00:00Z\tanna\ta known flake\n',
    );
    const { out: all } = await waivers('list', '--all');
    expect(all.split('\n').slice(1, 4)).toEqual([
      expect.stringContaining('in force'),
      expect.stringMatching(/\(all\) +expired/),
      expect.stringContaining('revoked by otto'),
    ]);
    expect(await waivers('revoke', 'w1')).toMatchObject({ code: 0, out: 'waiver w1: revoked\n' });
  });
});

describe('gantry results', () => {
  const result = {
    id: 'r1',
    digest: DIGEST,
    repository: 'a/b',
    testcase: 'smoke',
    outcome: 'PASSED',
    source: 'ci',
    scenario: null,
    note: null,
    submittedAt: at,
  };
  const candidates = { items: [{ digest: DIGEST }], next: null };

  test('reports a result of what a tag is now', async () => {
    await using server = await startApiServer({
      'GET /api/v1/candidates': () => ({ body: candidates }),
      'POST /api/v1/results': () => ({ status: 201, body: result }),
    });
    const words = ['results', 'add', 'a/b:1.0', 'smoke', 'passed', '--source', 'ci', '--note', 'fine'];
    const { code, out } = await gantry([
      ...words,
      '--url',
      'https://ci.example.org/42',
      '--data',
      'arch=x86_64',
      'arch=arm64',
      '--server',
      server.url,
    ]);
    expect({ code, out }).toEqual({ code: 0, out: `result r1: smoke PASSED, by ci, of ${DIGEST}\n` });
    expect(server.requests[0]?.query).toEqual({ repository: 'a/b', tag: '1.0', limit: '1' });
    expect(server.requests[1]?.body).toEqual({
      repository: 'a/b',
      digest: DIGEST,
      testcase: 'smoke',
      outcome: 'PASSED',
      source: 'ci',
      ref_url: 'https://ci.example.org/42',
      note: 'fine',
      data: { arch: ['x86_64', 'arm64'] },
    });
  });

  test('of what was not synced says so', async () => {
    await using server = await startApiServer({
      'GET /api/v1/candidates': () => ({ body: { items: [], next: null } }),
    });
    expect(await gantry(['results', 'list', 'a/b:1.0', '--server', server.url])).toEqual({
      code: 1,
      out: '',
      err: 'gantry: there is no candidate "a/b:1.0": sync it, or name the image by its digest\n',
    });
  });

  test('lists no more than are asked for', async () => {
    const items = Array.from({ length: 3 }, () => result);
    await using server = await startApiServer({
      'GET /api/v1/results': () => ({ body: { items, next: 'more' } }),
    });
    const words = ['results', 'list', DIGEST, '--outcome', 'passed', '--limit', '2', '--server', server.url];
    const { out } = await gantry([...words, '--output', 'json']);
    expect(JSON.parse(out)).toEqual({ items: [result, result], next: null });
    expect(server.requests.map(({ query }) => query)).toEqual([
      { digest: DIGEST, outcome: 'PASSED', limit: '2' },
    ]);
  });

  test("hands in a scanner's report, from a file or standard input", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'gantry-report-'));
    try {
      await writeFile(path.join(folder, 'report.json'), '{"Results":[]}');
      const report = { id: 'x1', source: 'trivy', scanner: 'Trivy', counts: { critical: 1, high: 3 } };
      await using server = await startApiServer({
        'POST /api/v1/reports': () => ({ status: 201, body: report }),
      });
      const words = ['--digest', DIGEST, '--source', 'trivy', '--server', server.url];
      const { code, out } = await gantry(['results', 'report', 'report.json', ...words], { cwd: folder });
      expect({ code, out }).toEqual({
        code: 0,
        out: 'report x1 by trivy (Trivy): 1 critical, 3 high\n',
      });
      const piped = { readInput: async () => new TextEncoder().encode('{"Results":[1]}') };
      expect(await gantry(['results', 'report', '-', ...words], piped)).toMatchObject({ code: 0 });
      expect(server.requests.map(({ query, body }) => ({ query, body }))).toEqual([
        { query: { digest: DIGEST, source: 'trivy' }, body: { Results: [] } },
        { query: { digest: DIGEST, source: 'trivy' }, body: { Results: [1] } },
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
