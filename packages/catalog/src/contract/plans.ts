import type { CatalogPlace } from '../catalog.contract.ts';
import { digest, plan, refusesBadPages, time } from './samples.ts';

export function plansContract(open: () => Promise<CatalogPlace>): void {
  test('a plan comes back as it was made; an id that is taken is refused', async () => {
    await using place = await open();
    const { plans } = await place.connect();
    const whole = plan('one', {
      items: [
        {
          repository: 'app',
          reference: 'latest',
          digest: digest('one'),
          companions: [{ tag: 'sha256-x.sig', digest: digest('signature') }],
          referrers: [digest('sbom')],
          tags: [{ tag: '__proto__', action: 'move', from: digest('former') }],
        },
      ],
    });
    await plans.create(whole);
    expect(await plans.get('one')).toEqual(whole);
    expect(await plans.get('two')).toBeUndefined();
    await expect(plans.create(plan('one'))).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await plans.get('one')).toEqual(whole);
  });

  test('those that expire after a time are listed by their ids, page by page', async () => {
    await using place = await open();
    const { plans } = await place.connect();
    for (const [id, at] of [
      ['c', 3],
      ['a', 2],
      ['b', 1],
      ['d', 4],
    ] as const)
      await plans.create(plan(id, { expiresAt: time(at) }));
    const first = await plans.list({ after: time(1), limit: 2 });
    expect(first.items.map(({ id }) => id)).toEqual(['a', 'c']);
    const next = await plans.list({ after: time(1), limit: 2, cursor: first.next ?? '' });
    expect([next.items.map(({ id }) => id), next.next]).toEqual([['d'], null]);
    await refusesBadPages((page) => plans.list({ after: '', ...page }));
  });

  test('forget deletes those that expired before a time, and no others', async () => {
    await using place = await open();
    const { plans } = await place.connect();
    for (const at of [1, 2, 3]) await plans.create(plan(`p${at}`, { expiresAt: time(at) }));
    await plans.forget(time(2));
    const left = await Promise.all([1, 2, 3].map((at) => plans.get(`p${at}`)));
    expect(left.map((found) => found?.id)).toEqual([undefined, 'p2', 'p3']);
    await plans.forget(time(2));
  });
}
