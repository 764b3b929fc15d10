import type { CatalogPlace } from '../catalog.contract.ts';
import { time } from './samples.ts';

export function modesContract(open: () => Promise<CatalogPlace>): void {
  test('all see at once whether changes are refused, and who says so', async () => {
    await using place = await open();
    const [one, other] = [await place.connect(), await place.connect()];
    expect(await one.modes.readOnly()).toBeUndefined();
    const on = { on: true, reason: 'we move', by: 'admin', at: time(1) };
    await one.modes.setReadOnly(on);
    expect(await other.modes.readOnly()).toEqual(on);
    const off = { on: false, by: 'admin', at: time(2) };
    await other.modes.setReadOnly(off);
    expect(await one.modes.readOnly()).toEqual(off);
  });
}
