import type { CatalogPlace } from '../catalog.contract.ts';
import { digest, plan, time } from './samples.ts';

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
