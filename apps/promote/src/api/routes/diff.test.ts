import { rm } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { indexPath, readStatement } from '@gantry/tree';
import { type ApiFixture, openApi, sharedApi } from '../api.fixture.ts';

const item = (repository: string, reference = 'v1') => ({ repository, reference });

async function fill(api: ApiFixture): Promise<void> {
  for (const repository of ['a', 'b', 'c', 'd']) await api.putCandidate(repository, 'v1');
  await api.promote(
    'testing',
    ['a', 'b', 'c'].map((repository) => item(repository)),
  );
  await api.promote(
    'stable',
    ['a', 'b', 'c'].map((repository) => item(repository)),
  );
}

const asText = (items: unknown[]) =>
  (items as { repository: string; tag: string; from: string | null; to: string | null }[]).map(
    ({ repository, tag, from, to }) =>
      `${repository}:${tag} ${from === null ? '+' : to === null ? '-' : '~'}`,
  );

describe('GET /api/v1/diff', () => {
  const shared = sharedApi();

  test('tells channels apart by published names, whatever their prefixes', async () => {
    await using api = await openApi();
    await fill(api);
    expect((await api.call('GET', '/api/v1/diff?from=testing&to=stable')).body).toEqual({
      items: [],
      next: null,
    });
    const old = await api.flow.catalog.channels.tag('stable', 'b', 'v1');
    const moved = await api.putCandidate('b', 'v1', 'another build');
    await api.putCandidate('b', 'v2');
    await api.promote('testing', [item('b'), item('b', 'v2'), item('d')]);
    await api.flow.catalog.channels.apply('stable', 'e', [{ ...old!, repository: 'e' }], []);
    const { items, pages } = await api.listAll('/api/v1/diff?from=stable&to=testing', 1);
    expect(asText(items)).toEqual(['b:v1 ~', 'b:v2 +', 'd:v1 +', 'e:v1 -']);
    expect(pages).toBe(4);
    expect(items[0]).toEqual({ repository: 'b', tag: 'v1', from: old?.digest, to: moved.digest });
  });

  test('tells serials apart by the names in the tree', async () => {
    await using api = await openApi();
    await fill(api); // serials 1 and 2
    await api.putCandidate('b', 'v1', 'another build');
    await api.putCandidate('b', 'v2');
    await api.promote('testing', [item('b'), item('b', 'v2'), item('d')]); // 3
    const found = async (query: string, limit = 1) => {
      const { items, pages } = await api.listAll(`/api/v1/diff?${query}`, limit);
      return { found: asText(items), pages };
    };
    const { found: differences, pages } = await found('from=2&to=3');
    expect(differences.toSorted()).toEqual(['testing/b:v1 ~', 'testing/b:v2 +', 'testing/d:v1 +']);
    expect(pages).toBe(3);
    expect(await found('from=2&to=3', 100)).toEqual({ found: differences, pages: 1 });
    expect((await found('from=2&to=1')).found.toSorted()).toEqual(['a:v1 -', 'b:v1 -', 'c:v1 -']);
    expect((await found('from=3&to=3')).found).toEqual([]);
    const { source } = api.tree.target;
    const { root } = (await readStatement(source, 1))!.statement;
    await rm(path.join(source.name, indexPath(root))); // as a collection does where serial 1 is not retained
    expect((await api.call('GET', '/api/v1/diff?from=1&to=3')).body).toMatchObject({
      status: 409,
      detail: expect.stringContaining('the serials 1 and 3 can not be compared, as one of them is not whole'),
    });
  });

  test.each([
    ['from=1', 400, 'request-invalid', 'to is missing'],
    ['from=&to=1', 400, 'request-invalid', 'from'],
    ['from=1&to=stable', 422, 'request-unprocessable', 'two channels, or two serials'],
    ['from=nightly&to=stable', 404, 'channel-unknown', 'nightly'],
    ['from=1&to=2', 404, 'publication-unknown', 'publication'],
    [`from=0&to=${'9'.repeat(100)}`, 404, 'publication-unknown', 'publication'],
    ['from=testing&to=stable&cursor=x', 400, 'request-invalid', 'cursor'],
    ['from=1&to=2&cursor=x', 400, 'request-invalid', 'cursor'],
    [
      `from=1&to=1&cursor=${Buffer.from('["diff-channels",[null,null,"a",null]]').toString('base64url')}`,
      400,
      'request-invalid',
      'cursor',
    ],
    [
      `from=testing&to=stable&cursor=${Buffer.from(`["diff-channels",["${digestOf('x')}",null,"a",null]]`).toString('base64url')}`,
      400,
      'request-invalid',
      'cursor',
    ],
  ])('refuses ?%s', async (query, status, type, named) => {
    const api = shared();
    const answer = await api.call('GET', `/api/v1/diff?${query}`);
    expect([answer.status, answer.body.type]).toEqual([status, `urn:gantry:problem:${type}`]);
    expect(answer.body.detail).toContain(named);
  });
});
