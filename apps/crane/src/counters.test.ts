import { createMetrics } from '@gantry/service';
import { createCounters } from './counters.ts';

test('what is counted stands in the metrics, each time they are read, once', async () => {
  const counters = createCounters();
  const requests = counters.family('test_requests_total', 'Requests', ['route', 'status']);
  const plain = counters.family('test_plain_total', 'Plain', []).with({});
  const metrics = counters.joinedTo(await createMetrics('test'));
  requests.with({ route: 'a', status: '200' }).value += 2;
  requests.with({ status: '200', route: 'a' }).value += 1;
  requests.with({ route: 'a', status: '404' }).value += 1;
  const read = async () => (await metrics.render()).body;
  expect(await read()).toContain('test_requests_total{route="a",status="200",service="test"} 3\n');
  plain.value += 5;
  requests.with({ route: 'a', status: '200' }).value += 1;
  const text = await read();
  expect(text).toContain('test_requests_total{route="a",status="200",service="test"} 4\n');
  expect(text).toContain('test_requests_total{route="a",status="404",service="test"} 1\n');
  expect(text).toContain('test_plain_total{service="test"} 5\n');
});

test('what another process has counted is added, and one that begins anew adds to what was', async () => {
  const [here, there] = [createCounters(), createCounters()];
  const mine = here.family('x_total', 'X', ['route']).with({ route: 'blob' });
  mine.value = 5;
  const theirs = there.family('x_total', 'X', ['route']);
  there.family('unknown_total', 'U', []).with({}).value = 1;
  theirs.with({ route: 'blob' }).value = 3;
  const first = there.samples();
  here.add(first, []);
  theirs.with({ route: 'blob' }).value = 4;
  theirs.with({ route: 'tags' }).value = 2;
  here.add(there.samples(), first);
  expect(mine.value).toBe(9);
  here.add(first, []); // another process in its place
  expect(here.samples()).toEqual([
    { name: 'x_total', labels: { route: 'blob' }, value: 12 },
    { name: 'x_total', labels: { route: 'tags' }, value: 2 },
  ]);
});
