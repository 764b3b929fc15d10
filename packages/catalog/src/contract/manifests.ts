import type { CatalogPlace } from '../catalog.contract.ts';
import { allPages, AWKWARD_NAMES, digest, manifest, refusesBadPages } from './samples.ts';

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

  test('naming tells which manifests name a digest, and as what, in pages of any size', async () => {
    await using place = await open();
    const { manifests } = await place.connect();
    const [wanted, size] = [digest('wanted'), 1];
    const records = [
      manifest('index', { manifests: [digest('a'), wanted], absent: [digest('b')] }),
      manifest('image', {
        blobs: [
          { digest: digest('config'), size },
          { digest: wanted, size },
        ],
      }),
      manifest('image that has it twice', {
        blobs: [
          { digest: wanted, size },
          { digest: wanted, size },
        ],
      }),
      manifest('signature', { subject: wanted }),
      manifest('both', { subject: wanted, blobs: [{ digest: wanted, size }] }),
    ];
    for (const record of records) await manifests.put(record);
    await manifests.put(manifest('another', { subject: digest('index') }));
    const expected = [
      ['index', 'manifest'],
      ['image', 'blob'],
      ['image that has it twice', 'blob'],
      ['signature', 'subject'],
      ['both', 'blob'],
      ['both', 'subject'],
    ].map(([name = '', as]) => ({ digest: digest(name), as }));
    for (const limit of [1, 2, 5, 100]) {
      const found = await allPages((page) => manifests.naming(wanted, page), limit);
      expect(found).toEqual(
        expected.toSorted((a, b) => (a.digest < b.digest ? -1 : a.digest > b.digest ? 1 : 0)),
      );
    }
    expect((await manifests.naming(digest('b'), { limit: 10 })).items).toEqual([]);
    await refusesBadPages((page) => manifests.naming(wanted, page));
  });

  test('what a manifest names is told anew when another record takes its place', async () => {
    await using place = await open();
    const { manifests } = await place.connect();
    const names = async (name: string) =>
      (await manifests.naming(digest(name), { limit: 10 })).items.map((one) => one.digest);
    await manifests.put(manifest('index', { manifests: [digest('a'), digest('b')], absent: [digest('c')] }));
    await manifests.replace(manifest('index', { manifests: [digest('a'), digest('c')] }));
    await manifests.replace(manifest('new', { manifests: [digest('d')] }));
    expect(await Promise.all(['a', 'b', 'c', 'd'].map(names))).toEqual([
      [digest('index')],
      [],
      [digest('index')],
      [digest('new')],
    ]);
  });

  test('what is removed is gone, with the names in it, and may come again', async () => {
    await using place = await open();
    const { manifests } = await place.connect();
    const [one, two] = ['one', 'two'].map((name) => manifest(name, { subject: digest('subject') }));
    if (one === undefined || two === undefined) throw new Error('two manifests');
    for (const record of [one, two]) await manifests.put(record);
    for (let times = 0; times < 2; times++) await manifests.remove([one.digest, digest('absent')]);
    await manifests.remove([]);
    expect(await manifests.getAll([one.digest, two.digest])).toEqual(new Map([[two.digest, two]]));
    const naming = () => manifests.naming(digest('subject'), { limit: 10 });
    expect((await naming()).items).toEqual([{ digest: two.digest, as: 'subject' }]);
    await manifests.put(one);
    expect(await manifests.get(one.digest)).toEqual(one);
    expect((await naming()).items).toHaveLength(2);
    const many = Array.from({ length: 1500 }, (_, at) => manifest(`m${at}`));
    await Promise.all(many.map((record) => manifests.put(record)));
    await manifests.remove(many.map((record) => record.digest));
    expect(await manifests.getAll(many.map((record) => record.digest))).toEqual(new Map());
  });

  test('who was followed by another in a lease removes nothing under it any more', async () => {
    await using place = await open();
    const { manifests, leases } = await place.connect();
    const record = manifest('one');
    await manifests.put(record);
    const ALREADY_OVER = 0;
    const former = await leases.acquire('collection', 'one', ALREADY_OVER);
    const latter = await leases.acquire('collection', 'two', ALREADY_OVER);
    if (former === undefined || latter === undefined) throw new Error('the lease was not given');
    await expect(manifests.remove([record.digest], former)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await manifests.get(record.digest)).toEqual(record);
    await manifests.remove([record.digest], latter);
    expect(await manifests.get(record.digest)).toBeUndefined();
  });
}
