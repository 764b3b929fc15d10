import { type Failure, updateTask } from '@gantry/catalog';
import { makeImage, makeLayer } from '@gantry/registry';
import { openSync, type SyncFixture, until } from './sync.fixture.ts';

const image = (text: string) =>
  makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [makeLayer([{ path: 'hello', content: text }])],
  });
const MINUTE_MS = 60_000;

const candidateOf = (fixture: SyncFixture, tag: string) =>
  fixture.flow.catalog.candidates.current('app', tag);
const failuresOf = async (fixture: SyncFixture): Promise<readonly Failure[]> =>
  (await fixture.flow.catalog.failures.list({ limit: 100 })).items;
const of = (name: string, labels = '') => `${name}{source="builds"${labels},service="sync"}`;
const later = (fixture: SyncFixture, ms: number) => {
  fixture.clock = new Date(fixture.clock.getTime() + ms);
};
/** An image of which a layer is missing at the source, and what brings that there. */
function pushWithoutLayer({ upstream }: SyncFixture, tag: string): () => void {
  const made = image(tag);
  upstream.push('app', made, tag);
  const layer = made.blobs.at(-1) ?? made.blobs[0];
  if (layer === undefined) throw new Error('an image has blobs');
  upstream.deleteBlob('app', layer.digest);
  return () => void upstream.putBlob('app', layer.bytes);
}

describe('a task of named tags', () => {
  test('looks at these alone: no catalogue and no tags are listed', async () => {
    await using fixture = await openSync();
    for (const tag of ['1', '2', '3']) fixture.upstream.push('app', image(tag), tag);
    await fixture.start();
    const items = [{ sourceRepository: 'app', tags: ['2'] }];
    expect(await fixture.sync({ items, cause: 'notification' })).toMatchObject({ state: 'done', errors: [] });
    expect(await candidateOf(fixture, '2')).toBeDefined();
    expect(await candidateOf(fixture, '1')).toBeUndefined();
    expect(fixture.requests().filter((request) => /_catalog|tags\/list/.test(request))).toEqual([]);
  });

  test('waits for what the registry told of and does not show yet', async () => {
    await using fixture = await openSync();
    const moved = image('moved');
    const { digest } = moved;
    fixture.upstream.push('app', image('former'), 'latest');
    await fixture.start();
    await fixture.sync();
    const asked = (tag: string) =>
      fixture.requests().filter((request) => request.includes(`manifests/${tag}`)).length;
    const before = asked('latest');
    const announced = [{ tag: 'latest', digest }, { tag: 'new' }];
    const items = [{ sourceRepository: 'app', tags: ['latest', 'new'], announced }];
    const synced = fixture.sync({ items, cause: 'notification' });
    await until(() => asked('latest') > before && asked('new') > 0);
    fixture.upstream.push('app', moved, 'latest');
    fixture.upstream.push('app', image('new'), 'new');
    expect(await synced).toMatchObject({ state: 'done', errors: [] });
    expect((await candidateOf(fixture, 'latest'))?.digest).toBe(digest);
    expect(await candidateOf(fixture, 'new')).toBeDefined();
  });

  test('is done without one that is not there, at once where no registry told of it', async () => {
    await using fixture = await openSync();
    fixture.upstream.push('app', image('1'), '1');
    await fixture.start();
    const asked = () => fixture.requests().filter((request) => request.includes('manifests/2'));
    const items = [{ sourceRepository: 'app', tags: ['1', '2'] }];
    expect(await fixture.sync({ items })).toMatchObject({ state: 'done', errors: [] });
    expect(asked()).toHaveLength(1);
    const told = items.map((item) => ({ ...item, announced: [{ tag: '2' }] }));
    expect(await fixture.sync({ items: told })).toMatchObject({ state: 'done', errors: [] });
    expect(asked()).toHaveLength(6);
  });

  test('brings back a tag that was gone', async () => {
    await using fixture = await openSync();
    fixture.upstream.push('app', image('1'), '1');
    await fixture.start();
    await fixture.sync();
    await fixture.flow.catalog.candidates.markGone('builds', 'app', '1', '2026-11-21T09:00:00.000Z');
    await fixture.sync({ items: [{ sourceRepository: 'app', tags: ['1'] }] });
    expect((await candidateOf(fixture, '1'))?.goneAt).toBeUndefined();
  });
});

describe('what failed and may pass', () => {
  test('is tried again by itself when its time has come, alone, until it goes through', async () => {
    await using fixture = await openSync();
    fixture.upstream.push('app', image('good'), 'good');
    const mend = pushWithoutLayer(fixture, 'bad');
    await fixture.start();
    const first = await fixture.sync();
    expect(first).toMatchObject({
      state: 'partial',
      errors: [{ item: 'app:bad', retryAt: '2026-11-21T09:00:30.000Z' }], // half a minute: the chance is 0.5 here
    });
    expect(await failuresOf(fixture)).toMatchObject([
      {
        sourceRepository: 'app',
        repository: 'app',
        tag: 'bad',
        attempts: 1,
        retryAt: first.errors[0]?.retryAt,
      },
    ]);

    later(fixture, MINUTE_MS);
    fixture.upstream.forgetRequests();
    const [again] = await until(async () => {
      const found = await failuresOf(fixture);
      return found[0]?.attempts === 2 ? found : undefined;
    });
    expect(again).toMatchObject({
      firstAt: '2026-11-21T09:00:00.000Z',
      lastAt: '2026-11-21T09:01:00.000Z',
      retryAt: '2026-11-21T09:02:00.000Z',
    });
    expect(
      fixture.requests().filter((request) => /_catalog|tags\/list|manifests\/good/.test(request)),
    ).toEqual([]);

    mend();
    later(fixture, 5 * MINUTE_MS);
    await until(() => candidateOf(fixture, 'bad'));
    await until(async () => ((await failuresOf(fixture)).length === 0 ? true : undefined));
    const { items: tasks } = await fixture.flow.catalog.tasks.list({ limit: 10 });
    expect(tasks.map(({ parameters }) => parameters['cause'])).toEqual(['retry', 'retry', undefined]);
    expect(await fixture.figures()).toContain(`${of('gantry_sync_retries_total')} 2\n`);
  });

  test('is counted on over tasks of any kind, and forgotten once it went through', async () => {
    await using fixture = await openSync();
    const mend = pushWithoutLayer(fixture, 'bad');
    await fixture.start();
    await fixture.sync();
    await fixture.sync({ repositories: ['app'] });
    await fixture.sync({ items: [{ sourceRepository: 'app', tags: ['bad'] }] });
    expect(await failuresOf(fixture)).toMatchObject([{ tag: 'bad', attempts: 3 }]);
    await fixture.sync({ dryRun: true });
    expect(await failuresOf(fixture)).toMatchObject([{ tag: 'bad', attempts: 3 }]);
    mend();
    await fixture.sync();
    expect(await failuresOf(fixture)).toEqual([]);
    pushWithoutLayer(fixture, 'worse');
    await fixture.sync();
    expect(await failuresOf(fixture)).toMatchObject([{ tag: 'worse', attempts: 1 }]);
  });

  test('of a repository as a whole is tried again as a whole', async () => {
    let isDown = true;
    await using fixture = await openSync({
      intercept: (request, response) => {
        if (!isDown || !request.url?.startsWith('/v2/web/tags/')) return false;
        response.writeHead(403).end();
        return true;
      },
    });
    fixture.upstream.push('app', image('1'), '1');
    fixture.upstream.push('web', image('1'), '1');
    await fixture.start();
    expect(await fixture.sync()).toMatchObject({ state: 'partial', errors: [{ item: 'web' }] });
    expect(await failuresOf(fixture)).toMatchObject([{ sourceRepository: 'web', repository: 'web' }]);
    isDown = false;
    later(fixture, MINUTE_MS);
    await until(async () => ((await failuresOf(fixture)).length === 0 ? true : undefined));
    expect(await fixture.flow.catalog.candidates.current('web', '1')).toBeDefined();
  });

  test('is put off when somebody cancels the task that tries it again', async () => {
    const held = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    let isHeld = false;
    await using fixture = await openSync({
      intercept: (request, response) => {
        if (!isHeld || request.method !== 'HEAD') return false;
        reached.resolve();
        void held.promise.then(() => response.destroy());
        return true;
      },
    });
    pushWithoutLayer(fixture, 'bad');
    await fixture.start();
    await fixture.sync();
    isHeld = true;
    later(fixture, MINUTE_MS);
    await reached.promise;
    const [retry] = await fixture.flow.catalog.tasks.inStates(['running']);
    if (retry === undefined) throw new Error('the retry runs');
    await updateTask(fixture.flow.catalog, retry.id, (task) => ({ ...task, state: 'cancelled' }));
    const [failure] = await until(async () => {
      const found = await failuresOf(fixture);
      return found[0]?.attempts === 2 ? found : undefined;
    });
    expect(failure?.problem['detail']).toContain('cancelled');
    held.resolve();
  });
});

describe('what failed and stays wrong', () => {
  test('waits for the next sync of the source', async () => {
    await using fixture = await openSync();
    const { mediaType } = image('x');
    fixture.upstream.putManifest('app', Buffer.from('{"schemaVersion": 2'), mediaType, 'bad');
    await fixture.start();
    expect(await fixture.sync()).toMatchObject({ errors: [{ item: 'app:bad', retryAt: null }] });
    expect(await failuresOf(fixture)).toMatchObject([{ tag: 'bad', attempts: 1, retryAt: null }]);
    fixture.upstream.push('app', image('mended'), 'bad');
    expect(await fixture.sync()).toMatchObject({ state: 'done' });
    expect(await failuresOf(fixture)).toEqual([]);
  });
});

describe('the periodic sync', () => {
  test('repairs what no notification told of', async () => {
    await using fixture = await openSync();
    fixture.upstream.push('app', image('1'), '1');
    await fixture.start({ everyMs: 50 });
    await until(() => candidateOf(fixture, '1'));
    fixture.upstream.push('app', image('2'), '2');
    fixture.upstream.push('app', image('moved'), '1');
    const moved = await until(async () => {
      const [one, two] = [await candidateOf(fixture, '1'), await candidateOf(fixture, '2')];
      return two !== undefined && one?.digest === image('moved').digest ? one : undefined;
    });
    expect(moved.tag).toBe('1');
    const { items: tasks } = await fixture.flow.catalog.tasks.list({ limit: 10 });
    expect(tasks.every(({ parameters }) => parameters['cause'] === 'schedule')).toBe(true);
  });

  test('is skipped while one runs, and says so', async () => {
    const held = Promise.withResolvers<void>();
    await using fixture = await openSync({
      intercept: (request, response) => {
        if (!request.url?.includes('_catalog')) return false;
        void held.promise.then(() => response.end('{"repositories":[]}'));
        return true;
      },
    });
    await fixture.start({ everyMs: 20 });
    await until(() => fixture.lines.find(({ event }) => event === 'sync.skipped_still_running'));
    expect((await fixture.flow.catalog.tasks.list({ limit: 10 })).items).toHaveLength(1);
    held.resolve();
  });
});

describe('what is seen of a sync', () => {
  test("is that each line of its log has the task's id", async () => {
    await using fixture = await openSync();
    fixture.upstream.push('app', image('1'), '1');
    pushWithoutLayer(fixture, 'bad');
    await fixture.start();
    const { id } = await fixture.sync();
    const events = fixture.lines.map(({ event, sync }) => [event, sync]);
    expect(events).toContainEqual(['candidate.synced', id]);
    expect(events).toContainEqual(['sync.item_failed', id]);
    expect(events.filter(([, sync]) => sync !== id)).toEqual([]);
  });

  test('is counted: bytes, blobs, tags by what became of them, seconds, the last success', async () => {
    await using fixture = await openSync();
    const made = image('1');
    fixture.upstream.push('app', made, '1', 'also');
    const mend = pushWithoutLayer(fixture, 'bad');
    await fixture.start();
    await fixture.sync();
    const first = await fixture.figures();
    const bytes = made.blobs.reduce((sum, { size }) => sum + size, 0);
    const config = image('bad').blobs[0]?.size ?? 0;
    expect(first).toContain(`${of('gantry_sync_bytes_total')} ${bytes + config}\n`);
    expect(first).toContain(`${of('gantry_sync_blobs_total')} 3\n`);
    expect(first).toContain(`${of('gantry_sync_tags_total', ',verdict="taken"')} 2\n`);
    expect(first).toContain(`${of('gantry_sync_tags_total', ',verdict="failed"')} 1\n`);
    expect(first).toContain(
      `gantry_sync_duration_seconds_count{service="sync",source="builds",state="partial"} 1\n`,
    );
    expect(first).not.toContain('gantry_sync_last_success_timestamp_seconds{');

    mend();
    await fixture.sync();
    const second = await fixture.figures();
    expect(second).toContain(`${of('gantry_sync_tags_total', ',verdict="unchanged"')} 2\n`);
    const at = fixture.clock.getTime() / 1000;
    expect(second).toContain(`${of('gantry_sync_last_success_timestamp_seconds')} ${at}\n`);
  });

  test('is known to the next process: when a source was synced last', async () => {
    await using fixture = await openSync();
    const service = await fixture.start();
    await fixture.sync();
    await service[Symbol.asyncDispose]();
    later(fixture, MINUTE_MS);
    await fixture.start();
    expect(await fixture.figures()).toContain(
      `${of('gantry_sync_last_success_timestamp_seconds')} ${Date.parse('2026-11-21T09:00:00Z') / 1000}\n`,
    );
  });
});
