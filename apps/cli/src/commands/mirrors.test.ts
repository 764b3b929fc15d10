import { Fault, toProblem } from '@gantry/oci';
import { startApiServer } from '../api-server.fixture.ts';
import { gantry } from '../cli.fixture.ts';

const page = (...items: readonly object[]) => ({ body: { items, next: null } });
const problem = toProblem(new Fault('MIRROR_INVALID', 'the mirror fr1: it is a fork'));
const AT = '2026-11-21T09:00:00.000Z';
const de1 = {
  name: 'de1',
  url: 'https://mirror.example.de/gantry',
  serial: 42,
  confirmed: 42,
  lag: { serials: 0, seconds: 0 },
  publishedAt: AT,
  expiresAt: AT,
  latencyMs: 31,
  rightTypes: true,
  problem: null,
  lookedAt: AT,
  since: AT,
};
const fr1 = {
  ...de1,
  name: 'fr1',
  serial: null,
  confirmed: null,
  latencyMs: null,
  rightTypes: null,
  problem,
};
const at = (mirror: string, state: string, served: number | null = 41) => ({
  mirror,
  state,
  served,
  sampled: 3,
  problem: state === 'failed' ? problem : null,
  at: state === 'waiting' ? null : AT,
});
const OF_42 = 'GET /api/v1/publications/42/mirrors';

test('lists the mirrors', async () => {
  await using server = await startApiServer({ 'GET /api/v1/mirrors': () => page(de1, fr1) });
  const { code, out } = await gantry(['mirrors', '--server', server.url]);
  expect({ code, out }).toEqual({
    code: 0,
    out: [
      'MIRROR  SERIAL  CONFIRMED  BEHIND  SECONDS  MS  TYPES  PROBLEM',
      'de1         42         42       0        0  31  right  -',
      'fr1          -          -       0        0   -  -      the mirror fr1: it is a fork',
      '',
    ].join('\n'),
  });
});

test('waits until all have the serial', async () => {
  const answers = [
    [at('de1', 'waiting'), at('fr1', 'failed')],
    [at('de1', 'confirmed', 42), at('fr1', 'confirmed', 42)],
  ];
  await using server = await startApiServer({ [OF_42]: () => page(...(answers.shift() ?? [])) });
  const { code, out } = await gantry(['mirrors', '--wait', '42', '--server', server.url]);
  expect({ code, out }).toEqual({
    code: 0,
    out: 'mirror de1: has it since 2026-11-21 09:00:00Z\nmirror fr1: has it since 2026-11-21 09:00:00Z\n',
  });
  expect(answers).toEqual([]);
});

test('without a serial it is the newest that is published', async () => {
  await using server = await startApiServer({
    'GET /api/v1/publications': () =>
      page({ serial: 43, state: 'preparing' }, { serial: 42, state: 'published' }),
    [OF_42]: () => page(at('de1', 'confirmed', 42)),
  });
  const { code, out } = await gantry(['mirrors', '--wait', '--output', 'json', '--server', server.url]);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toEqual({ serial: 42, mirrors: [at('de1', 'confirmed', 42)] });
});

test('ends with 75 when those that are left are late, or the time is over', async () => {
  await using server = await startApiServer({
    [OF_42]: () => page(at('de1', 'confirmed', 42), at('fr1', 'late')),
    'GET /api/v1/publications/43/mirrors': () => page(at('de1', 'waiting', null), at('fr1', 'failed')),
  });
  const late = await gantry(['mirrors', '--wait', '42', '--server', server.url]);
  expect(late.code).toBe(75);
  expect(late.out).toContain('mirror fr1: is late, is at serial 41\n');
  const over = await gantry(['mirrors', '--wait', '43', '--timeout', '0s', '--server', server.url]);
  expect(over.code).toBe(75);
  expect(over.out).toBe('mirror de1: has it not yet\nmirror fr1: does not serve it rightly\n');
  expect(over.err).toContain('gantry: the mirror fr1: it is a fork\n');
});

test('a serial that is none, and a time without --wait, are wrong usage', async () => {
  await using server = await startApiServer({});
  for (const words of [
    ['--wait', 'x'],
    ['--timeout', '1m'],
    ['--wait', '42', '--timeout', 'soon'],
  ])
    expect((await gantry(['mirrors', ...words, '--server', server.url])).code).toBe(2);
});
