import { QUEUES } from '@gantry/pipeline';
import { openApi } from './api/api.fixture.ts';
import { until } from './api/until.fixture.ts';
import { startCommands } from './commands.ts';

const PROMOTIONS = '/api/v1/promotions';
const body = { to: 'testing', items: [{ repository: 'app', reference: '1' }], reason: 'tested' };

test('the same key fifty times at once, half by REST and half by message, is one promotion', async () => {
  await using api = await openApi();
  const { flow, messages, channels } = api;
  await api.putCandidate('app', '1');
  await using _ = await startCommands({
    flow,
    messages,
    channels,
    trees: [api.tree],
    sources: [],
    commandScopes: ['promote:testing'],
    isReadOnly: false,
  });
  const id = 'build-4711';
  const answered: string[] = [];
  await Promise.all(
    Array.from({ length: 50 }, async (_each, at) => {
      if (at % 2 === 0) {
        const answer = await api.call('POST', PROMOTIONS, {
          token: 'tester',
          body,
          headers: { 'Idempotency-Key': id },
        });
        answered.push(answer.body.id ?? `status ${answer.status}`);
      } else {
        const event = {
          specversion: '1.0',
          id,
          source: 'tester',
          type: 'command.promote',
          data: body,
        } as const;
        await messages.send(QUEUES.commands, 'command.promote', event);
      }
    }),
  );
  await until('all commands to be taken', async () => {
    const { ready, unacknowledged } = await messages.depth(QUEUES.commands);
    return ready + unacknowledged === 0;
  });
  const { items } = await flow.catalog.promotions.list({ limit: 100 });
  expect(items).toHaveLength(1);
  expect(new Set(answered)).toEqual(new Set(items.map((promotion) => promotion.id)));
  const other = await api.call('POST', PROMOTIONS, {
    token: 'tester',
    body: { ...body, reason: 'another' },
    headers: { 'Idempotency-Key': id },
  });
  expect([other.status, other.body.promotion]).toEqual([422, answered[0]]);

  await flow.catalog.promotions.forgetKeys('9999-01-01T00:00:00.000Z');
  const later = await api.call('POST', PROMOTIONS, {
    token: 'tester',
    body,
    headers: { 'Idempotency-Key': id },
  });
  expect(later.body.id).not.toBe(answered[0]);
});
