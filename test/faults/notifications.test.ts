import { createInProcessRegistry } from '@gantry/registry';
import type { Work } from '../clients/gantry-api.ts';
import { helloImage } from '../fixtures/build-registry.ts';
import { embeddedConfiguration, startGantry } from '../servers/gantry.ts';
import { withLogs } from '../servers/process.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

/** What a registry was told has been taken is done, whatever happens to Gantry then. */

test('a notification that was answered outlives a kill, while a sync of all was under way', async () => {
  await using opened = new AsyncDisposableStack();
  let isHeld = true;
  const asked = Promise.withResolvers<void>();
  const registry = createInProcessRegistry({
    intercept: (request) => {
      if (isHeld && request.url?.includes('/v2/')) asked.resolve();
      return isHeld; // no answer at all
    },
  });
  registry.push('team/app', helloImage('app'), '1', '2');
  const { url } = opened.use(await registry.listen());
  const configuration = await embeddedConfiguration({
    sources: [{ name: 'builds', registry: url, repositories: ['team/**'] }],
  });
  const folder = opened.use(await temporaryFolder('notified')).path;
  const first = opened.use(await startGantry({ folder, configuration }));
  await first.api.call('POST', '/api/v1/syncs', { body: { source: 'builds', repositories: ['team/none'] } });
  const answer = await first.api.call<{ tasks: string[] }>('POST', '/api/v1/notifications', {
    body: { events: [{ action: 'push', target: { repository: 'team/app', tag: '2' } }] },
  });
  expect([answer.status, answer.body]).toMatchObject([202, { accepted: 1, ignored: 0 }]);
  await asked.promise;
  await first.kill('SIGKILL');

  isHeld = false;
  const second = opened.use(await startGantry({ folder, configuration }));
  try {
    const [id = ''] = answer.body.tasks;
    expect(await second.api.taskEnded(id)).toMatchObject({ state: 'done' });
    const tags = (await second.api.candidates()).map(({ tag }) => tag);
    expect(tags).toEqual(['2']);
    const { body } = await second.api.call<Work>('GET', `/api/v1/tasks/${id}`);
    expect(body.errors).toEqual([]);
  } catch (error) {
    throw withLogs(error, [second]);
  }
}, 60_000);

test('a tag that could not be had is tried again by itself: the task says when, until it went through', async () => {
  await using opened = new AsyncDisposableStack();
  let isWrong = true;
  const registry = createInProcessRegistry({
    intercept: (request, response) => {
      if (!isWrong || !request.url?.endsWith('/manifests/2')) return false;
      response.writeHead(403).end();
      return true;
    },
  });
  registry.push('team/app', helloImage('app'), '1', '2');
  const { url } = opened.use(await registry.listen());
  const configuration = await embeddedConfiguration({
    sources: [{ name: 'builds', registry: url, repositories: ['team/**'] }],
  });
  const folder = opened.use(await temporaryFolder('again')).path;
  const gantry = opened.use(await startGantry({ folder, configuration }));
  const task = await gantry.api.sync('builds');
  expect(task).toMatchObject({
    state: 'partial',
    errors: [{ item: 'team/app:2', retryAt: expect.stringMatching(/^20/) }],
  });
  const { body } = await gantry.api.call<{ items: unknown[] }>('GET', '/api/v1/failures?source=builds');
  expect(body.items).toMatchObject([{ repository: 'team/app', tag: '2', attempts: 1 }]);
  isWrong = false;
  expect(await gantry.api.sync('builds')).toMatchObject({ state: 'done', errors: [] });
  const left = await gantry.api.call<{ items: unknown[] }>('GET', '/api/v1/failures');
  expect(left.body.items).toEqual([]);
}, 30_000);
