import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCatalog } from '@gantry/catalog';
import { openMessages } from '@gantry/messages';
import { digestOf } from '@gantry/oci';
import { type Flow, QUEUES, resultId } from '@gantry/pipeline';
import { openStore } from '@gantry/store';
import { idempotencyKey } from './api/idempotency-key.ts';
import { until } from './api/until.fixture.ts';
import { startCommands } from './commands.ts';

async function openQueue(commandScopes: Parameters<typeof startCommands>[0]['commandScopes']) {
  await using stack = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'gantry-commands-'));
  stack.defer(() => rm(root, { recursive: true, force: true }));
  const catalog = stack.use(await openCatalog({ sqlite: { file: join(root, 'catalog.db') } }));
  const store = stack.use(await openStore({ filesystem: { root: join(root, 'store') } }));
  const messages = stack.use(
    await openMessages({ embedded: { file: join(root, 'messages.db') } }, { timing: { pauseMs: () => 1 } }),
  );
  const errors: string[] = [];
  const heard = Promise.withResolvers<void>();
  const log = {
    debug() {},
    info() {},
    warn() {},
    error({ err }: { err?: Error }) {
      errors.push(err?.message ?? '');
      heard.resolve();
    },
  };
  const flow: Flow = { catalog, store, log, now: () => new Date(), holder: 'test' };
  const channels = [{ name: 'stable', prefix: '', publish: true }];
  stack.use(
    await startCommands({
      flow,
      messages,
      channels,
      trees: [{ name: 'main', channels }],
      sources: ['candidates'],
      commandScopes,
      isReadOnly: false,
    }),
  );
  const send = (type: string, id: string, data: unknown, source = '/ci') =>
    messages.send(QUEUES.commands, type, { specversion: '1.0', id, source, type, data });
  const settled = () =>
    until('all commands to be taken', async () => {
      const { ready, unacknowledged } = await messages.depth(QUEUES.commands);
      return ready + unacknowledged === 0;
    });
  const rest = stack.move();
  return {
    root,
    catalog,
    messages,
    send,
    settled,
    errors,
    heard: heard.promise,
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}
const promotion = { items: [{ repository: 'app', reference: '1' }], to: 'stable' };

describe('a command in the queue', () => {
  test('to sync becomes a task', async () => {
    await using queue = await openQueue(['sync']);
    await queue.send('command.sync', '1', { source: 'candidates', repositories: ['a'] });
    await queue.settled();
    const { items } = await queue.catalog.tasks.list({ limit: 10 });
    expect(items.map(({ kind, parameters }) => [kind, parameters])).toEqual([
      ['sync', { source: 'candidates', repositories: ['a'] }],
    ]);
  });

  test('to promote that comes three times is one promotion', async () => {
    await using queue = await openQueue(['promote:stable']);
    for (let n = 0; n < 3; n++) await queue.send('command.promote', 'build-1', promotion);
    await queue.send('command.promote', 'build-2', promotion);
    await queue.settled();
    const { items } = await queue.catalog.promotions.list({ limit: 10 });
    expect(items.map(({ requestedBy }) => requestedBy)).toEqual(['message /ci', 'message /ci']);
  });

  test('is never taken for that of another source, whatever blanks are in their names', async () => {
    await using queue = await openQueue(['promote:stable']);
    for (const [source, id] of [
      ['a b', 'c'],
      ['a', 'b c'],
      ['a%20b', 'c'],
    ] as const)
      await queue.send('command.promote', id, promotion, source);
    await queue.settled();
    const { items } = await queue.catalog.promotions.list({ limit: 10 });
    expect(items.map(({ requestedBy }) => requestedBy).toSorted()).toEqual([
      'message a',
      'message a b',
      'message a%20b',
    ]);
  });

  test('with a result that comes twice is one result', async () => {
    await using queue = await openQueue(['report:openqa']);
    const result = { digest: `sha256:${'1'.repeat(64)}`, testcase: 'smoke', outcome: 'PASSED' };
    for (let n = 0; n < 2; n++)
      await queue.send('command.result', 'run-1', [result, { ...result, scenario: 'arm64' }]);
    await queue.settled();
    const { items } = await queue.catalog.results.list({ limit: 10 });
    expect(items.map(({ scenario, source, submittedBy }) => [scenario, source, submittedBy])).toEqual(
      expect.arrayContaining([
        [undefined, 'openqa', 'message /ci'],
        ['arm64', 'openqa', 'message /ci'],
      ]),
    );
    expect(items).toHaveLength(2);
  });

  test('with a result is not kept out by one of another source whose sender knew its id', async () => {
    await using queue = await openQueue(['report:openqa']);
    const digest = `sha256:${'1'.repeat(64)}` as const;
    const foreseen = {
      digest,
      testcase: 'x',
      outcome: 'INFO',
      submittedBy: 'eve',
      groups: [],
      data: {},
    } as const;
    const sent = `${digestOf(idempotencyKey('/ci', 'run-1'))}-0`;
    for (const id of [sent, resultId('other', sent)])
      await queue.catalog.results.put({
        ...foreseen,
        id,
        source: 'other',
        submittedAt: new Date().toISOString(),
      });
    await queue.send('command.result', 'run-1', { digest, testcase: 'smoke', outcome: 'FAILED' });
    await queue.settled();
    expect(await queue.catalog.results.get(resultId('openqa', sent))).toMatchObject({ outcome: 'FAILED' });
  });

  test.each([
    [
      'command.result',
      { digest: `sha256:${'1'.repeat(64)}`, testcase: 'a', outcome: 'PASSED', source: 'openqa' },
      'lacks the scope report:openqa',
    ],
    ['command.promote', promotion, 'lacks the scope promote:stable'],
    ['command.promote', { ...promotion, dryRun: true }, 'a message has no answer, ask for a plan by the API'],
    ['command.promote', { to: 'stable' }, 'must have items, or a plan'],
    ['command.publish', {}, 'lacks the scope promote:stable'],
    ['command.sync', { source: 'none' }, 'there is no source "none": there are candidates'],
    ['command.sync', { source: 'candidates', extra: 1 }, 'extra'],
    ['command.unknown', {}, '"command.unknown" is no command'],
  ])('%s of %j is refused: %s', async (type, data, reason) => {
    await using queue = await openQueue(['sync']);
    await queue.send(type, '1', data);
    await queue.heard;
    expect(queue.errors[0]).toContain(reason);
    expect((await queue.catalog.promotions.list({ limit: 10 })).items).toEqual([]);
    expect((await queue.catalog.tasks.list({ limit: 10 })).items).toEqual([]);
  });
});

describe('the audit log', () => {
  test('has each command once, with what sent it, as the API calls it, when it was carried out or parked', async () => {
    await using queue = await openQueue(['sync', 'report:openqa']);
    await queue.send('command.sync', 'nightly-1', { source: 'candidates' });
    const result = { digest: `sha256:${'1'.repeat(64)}`, testcase: 'smoke', outcome: 'PASSED' };
    await queue.send('command.result', 'run-1', [result]);
    await queue.settled();
    await queue.send('command.promote', 'build-1', { ...promotion, reason: 'it passed' });
    await queue.settled();
    const entries = await queue.catalog.audit.after(0, 10);
    const common = { via: 'message', actor: 'message /ci' };
    expect(entries).toMatchObject([
      { ...common, action: 'createSync', target: 'candidates', outcome: 'done', requestId: 'nightly-1' },
      { ...common, action: 'createResult', target: result.digest, outcome: 'done', requestId: 'run-1' },
      {
        ...common,
        action: 'createPromotion',
        target: 'stable',
        outcome: 'refused',
        status: 403,
        problem: 'urn:gantry:problem:denied',
        reason: 'it passed',
        requestId: 'build-1',
      },
    ]);
    expect(entries).toHaveLength(3);
  });
});

test('a source that is called as a caller of the API is not listed as that one', async () => {
  await using queue = await openQueue(['sync']);
  const longest = 's'.repeat(500);
  for (const source of ['admin', longest])
    await queue.send('command.sync', '1', { source: 'candidates' }, source);
  await queue.settled();
  const entries = await queue.catalog.audit.after(0, 10);
  expect(entries.map(({ actor }) => actor).toSorted()).toEqual(['message admin', `message ${longest}`]);
});

describe('hostile commands', () => {
  const item = { repository: 'a', reference: '1' };
  const names = [
    '../../etc/passwd',
    '..%2f..',
    String.raw`..\..`,
    '/etc/passwd',
    'a/../b',
    'nul\0',
    'UPPER/x',
    'a'.repeat(256),
  ];
  const operators = [{ $ne: null }, { $where: 'sleep(9)' }, ['a'], 1, null];
  const members = JSON.parse(
    '[{"__proto__":{"polluted":true}},{"constructor":{"prototype":{"polluted":true}}},{"to":"stable","items":[{"__proto__":{"polluted":true}}]}]',
  ) as object[];

  test('are parked, change nothing and touch no file', async () => {
    await using queue = await openQueue(['admin']);
    const before = (await readdir(queue.root)).toSorted();
    const data = [
      ...names.flatMap((name) => [
        ['command.promote', { to: 'stable', items: [{ ...item, repository: name }] }],
        ['command.promote', { to: 'stable', items: [{ ...item, reference: `-${name}` }] }],
        ['command.promote', { to: name, items: [item] }],
        ['command.sync', { source: name }],
        ['command.sync', { source: 'candidates', repositories: [name] }],
        [`command.${name}`.slice(0, 200), {}],
      ]),
      ...operators.flatMap((operator) => [
        ['command.promote', { to: operator, items: [item] }],
        ['command.promote', { to: 'stable', items: [{ ...item, repository: operator }] }],
        ['command.sync', { source: operator }],
        ['command.sync', operator],
      ]),
      ...members.flatMap((one) => [
        ['command.promote', one],
        ['command.sync', one],
        ['command.publish', one],
      ]),
    ] as const;
    for (const [n, [type, one]] of data.entries()) await queue.send(type as string, String(n), one);
    await queue.settled();
    expect(await queue.messages.depth(QUEUES.commands)).toMatchObject({ dead: data.length });
    expect((await queue.catalog.promotions.list({ limit: 1 })).items).toEqual([]);
    expect((await queue.catalog.tasks.list({ limit: 1 })).items).toEqual([]);
    expect((await readdir(queue.root)).toSorted()).toEqual(before);
    const plain: Record<string, unknown> = {};
    expect(plain['polluted']).toBeUndefined();
    const entries = await queue.catalog.audit.after(0, 1000);
    expect(entries).toHaveLength(data.length);
    expect(new Set(entries.map(({ outcome }) => outcome))).toEqual(new Set(['refused']));
  }, 60_000);
});
