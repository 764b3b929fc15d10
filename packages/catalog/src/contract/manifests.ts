import type { CatalogPlace } from '../catalog.contract.ts';
import { AWKWARD_NAMES, digest, manifest } from './samples.ts';

export function manifestsContract(open: () => Promise<CatalogPlace>): void {
  test('a record comes back as it was put, and an unknown digest is undefined', async () => {
    await using place = await open();
    const { manifests } = await place.connect();
    const record = manifest('index', {
      kind: 'oci-index',
      artifactType: 'application/example',
      subject: digest('subject'),
      manifests: [digest('child')],
      blobs: [{ digest: digest('layer'), size: 5_000_000_000, foreign: true }],
    });
    await manifests.put(record);
    expect(await manifests.get(record.digest)).toEqual(record);
    expect(await manifests.get(digest('other'))).toBeUndefined();
  });

  test('annotations keep names that objects have already, and pollute nothing', async () => {
    await using place = await open();
    const { manifests } = await place.connect();
    await manifests.put(manifest('awkward', { annotations: AWKWARD_NAMES }));
    const { annotations } = (await manifests.get(digest('awkward'))) ?? {};
    expect(Object.entries(annotations ?? {})).toEqual(Object.entries(AWKWARD_NAMES));
    expect(Object.getPrototypeOf(annotations)).toBe(Object.prototype);
  });

  test('a second put of a digest has no effect', async () => {
    await using place = await open();
    const { manifests } = await place.connect();
    await Promise.all([manifests.put(manifest('one')), manifests.put(manifest('one', { size: 1 }))]);
    await manifests.put(manifest('one', { size: 2 }));
    expect(await manifests.get(digest('one'))).toEqual(manifest('one'));
  });

  test('replace puts a record in the place of one that left more out', async () => {
    await using place = await open();
    const { manifests } = await place.connect();
    await manifests.put(manifest('index', { absent: [digest('arm64')] }));
    const whole = manifest('index', { manifests: [digest('arm64')] });
    await manifests.replace(whole);
    expect(await manifests.get(whole.digest)).toEqual(whole);
  });

  test('getAll finds thousands at once, names that come twice too, and leaves out what is unknown', async () => {
    await using place = await open();
    const { manifests } = await place.connect();
    const records = Array.from({ length: 2500 }, (_, at) => manifest(`m${at}`, { size: at }));
    await Promise.all(records.map((record) => manifests.put(record)));
    const found = await manifests.getAll([
      digest('unknown'),
      ...records.map((record) => record.digest),
      digest('m7'),
    ]);
    expect(found).toEqual(new Map(records.map((record) => [record.digest, record])));
    expect(await manifests.getAll([])).toEqual(new Map());
  });
}
