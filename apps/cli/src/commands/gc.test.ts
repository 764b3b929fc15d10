import { Fault, toProblem } from '@gantry/oci';
import { startApiServer, task } from '../api-server.fixture.ts';
import { gantry } from '../cli.fixture.ts';

const count = (n: number) => ({ blobs: n, bytes: n * 1000 });
const objects = (n: number) => ({ objects: n, bytes: n * 1000 });
const NEXT = '2026-11-23T09:00:00.000Z';

const REPORT = {
  dryRun: false,
  store: {
    kept: {
      candidates: count(40),
      plans: count(0),
      promotions: count(1),
      channels: count(2),
      snapshots: count(3),
    },
    candidates: { kept: 20, givenUp: 4 },
    condemned: count(5),
    spared: count(0),
    freed: count(6),
    waiting: { ...count(5), nextAt: NEXT },
    missing: { count: 0, digests: [] },
    reasons: ['The source candidates has no "keep".'],
  },
  trees: [
    {
      tree: 'main',
      retained: { from: 1, to: 9, count: 9 },
      marked: 70,
      condemned: objects(0),
      spared: objects(0),
      removed: objects(7),
      waiting: { ...objects(0), nextAt: null },
      orphans: objects(0),
      lists: 0,
      untagged: 0,
      reasons: ['nothing'],
    },
  ],
};

const answering = (collected: object) =>
  startApiServer({ 'POST /api/v1/collections': () => ({ status: 202, body: collected }) });

describe('gantry gc', () => {
  test('shows what is kept, condemned and freed in each place, and why no more is', async () => {
    await using server = await answering(task({ kind: 'gc', state: 'done', result: REPORT }));
    const { code, out } = await gantry(['gc', '--server', server.url, '--token', 't']);
    expect(code).toBe(0);
    const lines = out.split('\n').map((line) => line.trimEnd().replaceAll(/ +/g, ' '));
    for (const line of [
      'PLACE WHAT OBJECTS SIZE',
      'store kept for candidates 40 40.0 kB',
      'store waiting, until 2026-11-23 09:00:00Z at first 5 5.0 kB',
      'store freed 6 6.0 kB',
      'tree main kept 70 -',
      'tree main freed 7 7.0 kB',
      'store: The source candidates has no "keep".',
      'tree main: nothing',
    ])
      expect(lines).toContain(line);
    expect(server.requests.map(({ body }) => body)).toEqual([{}]);
  });

  test('asks for a dry run or a scrub, and not for both', async () => {
    await using server = await answering(
      task({ kind: 'gc', state: 'done', result: { ...REPORT, dryRun: true } }),
    );
    const call = (...words: string[]) => gantry(['gc', ...words, '--server', server.url, '--token', 't']);
    const { out } = await call('--dry-run');
    expect(out).toMatch(/store +to be freed +6/);
    expect(out).toContain('to be condemned');
    const plain = await call('--dry-run', '--output', 'plain');
    expect(plain.out.split('\n')[0]).toBe('store\tkept for candidates\t40\t40.0 kB');
    expect(plain.err).toContain('tree main: nothing');
    await call('--scrub', '--no-wait');
    expect(server.requests.map(({ body }) => body)).toEqual([
      { dryRun: true },
      { dryRun: true },
      { scrub: true },
    ]);
    expect(await call('--dry-run', '--scrub')).toMatchObject({ code: 2 });
  });

  test('fails with what failed, and names what is damaged', async () => {
    const problem = toProblem(new Fault('BLOB_UNKNOWN', 'the blob sha256:1 was damaged in the store'));
    const damaged = [{ digest: 'sha256:1', size: 1, state: 'lost', items: [], syncs: [], rounds: 1 }];
    await using server = await answering(
      task({
        kind: 'scrub',
        state: 'partial',
        errors: [{ item: 'sha256:1', problem }],
        result: { position: null, isThrough: true, blobs: 1, bytes: 1, damaged },
      }),
    );
    const { code, out, err } = await gantry(['gc', '--scrub', '--server', server.url, '--token', 't']);
    expect(code).toBe(1);
    expect(out).toMatch(/sha256:1 +lost +-/);
    expect(err).toContain('the blob sha256:1 was damaged in the store');
  });
});
