import { digestOf } from '@gantry/oci';
import { sharedApi } from '../api.fixture.ts';
import type { Image } from '../image.fixture.ts';

const INDEX = digestOf('an index');
const SIGNATURE = digestOf('a signature');
const nothing = { items: [], more: false };

describe('what is known of content', () => {
  let image: Image | undefined;
  const shared = sharedApi(async (api) => {
    const { manifests, candidates } = api.flow.catalog;
    image = await api.putCandidate('web', '1.1');
    await manifests.put({
      digest: INDEX,
      kind: 'oci-index',
      size: 500,
      annotations: { 'org.opencontainers.image.version': '1.1' },
      manifests: [image.digest],
      absent: [digestOf('of another platform')],
      blobs: [],
    });
    await manifests.put({
      digest: SIGNATURE,
      kind: 'oci-manifest',
      size: 300,
      artifactType: 'application/vnd.example.signature',
      subject: image.digest,
      manifests: [],
      blobs: [{ digest: digestOf('far away'), size: 4711, foreign: true }],
    });
    await candidates.put({
      source: 'candidates',
      sourceRepository: 'candidate/multi',
      repository: 'multi',
      tag: '2',
      digest: INDEX,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      platforms: [],
      size: 1,
      labels: {},
      syncedAt: '2026-11-21T09:00:00.000Z',
      companions: [],
      referrers: [SIGNATURE],
    });
    await api.promote('testing', [{ repository: 'web', reference: '1.1' }]);
  });
  const read = (place: string) => shared().call('GET', `/api/v1/${place}`, { token: 'reader' });

  test('of a manifest: itself, what names it, and the candidates and tags that have it, also inside of an index', async () => {
    const { digest } = image as Image;
    const { status, body } = await read(`manifests/${digest}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      digest,
      kind: 'oci-manifest',
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: null,
      annotations: {},
      subject: null,
      manifests: { count: 0, items: [] },
      blobs: { count: 2 },
      referrers: { items: [SIGNATURE], more: false },
      namedBy: { items: [{ digest: INDEX, as: 'manifest' }], more: false },
      purged: null,
    });
    expect(body.candidates.items).toEqual([
      expect.objectContaining({ repository: 'web', tag: '1.1', digest }),
      {
        source: 'candidates',
        repository: 'multi',
        tag: '2',
        digest: INDEX,
        since: '2026-11-21T09:00:00.000Z',
      },
    ]);
    expect(body.channels.items).toEqual([
      {
        channel: 'testing',
        repository: 'web',
        tag: '1.1',
        digest,
        promotion: expect.any(String),
        since: expect.any(String),
      },
    ]);
  });

  test('of an index: its annotations and children, those that are absent too', async () => {
    const { body } = await read(`manifests/${INDEX}`);
    expect(body).toMatchObject({
      annotations: { 'org.opencontainers.image.version': '1.1' },
      manifests: { count: 1, items: [(image as Image).digest] },
      absent: { count: 1 },
      namedBy: nothing,
      channels: nothing,
    });
  });

  test('of a referrer: its subject, and where it goes along', async () => {
    const { body } = await read(`manifests/${SIGNATURE}`);
    expect(body).toMatchObject({
      artifactType: 'application/vnd.example.signature',
      subject: (image as Image).digest,
      blobs: { items: [{ size: 4711, foreign: true }] },
      candidates: { items: [{ repository: 'multi' }] },
    });
  });

  test('of a blob: its size, whether it is here, and where it is used', async () => {
    const { body: manifest } = await read(`manifests/${(image as Image).digest}`);
    const [{ digest, size }] = manifest.blobs.items;
    const { body } = await read(`blobs/${digest}`);
    expect(body).toMatchObject({
      digest,
      size,
      stored: true,
      namedBy: { items: [{ digest: (image as Image).digest, as: 'blob' }] },
      purged: null,
    });
    expect(body.channels.items).toHaveLength(1);
    expect(body.candidates.items.map(({ repository }: { repository: string }) => repository)).toEqual([
      'web',
      'multi',
    ]);
    const { body: far } = await read(`blobs/${digestOf('far away')}`);
    expect(far).toMatchObject({ size: 4711, stored: false });
  });

  test('each list is cut at the limit, and says that there is more', async () => {
    const { body } = await read(`manifests/${(image as Image).digest}?limit=1`);
    expect(body.blobs).toMatchObject({ count: 2, items: [expect.anything()] });
    expect(body.candidates).toMatchObject({ items: [expect.anything()], more: true });
    expect(body.channels).toMatchObject({ items: [expect.anything()], more: false });
  });

  test('what is not known is 404, and what is no digest 400', async () => {
    for (const [place, type] of [
      [`manifests/${digestOf('nothing')}`, 'manifest-unknown'],
      [`blobs/${digestOf('nothing')}`, 'blob-unknown'],
    ] as const) {
      const { status, body } = await read(place);
      expect([status, body.type]).toEqual([404, `urn:gantry:problem:${type}`]);
    }
    for (const digest of ['x', 'sha256:..', `SHA256:${'0'.repeat(64)}`, '..%2f..%2fetc', '%00'])
      expect((await read(`manifests/${digest}`)).body.type).toBe('urn:gantry:problem:digest-invalid');
  });

  test('that was purged says so', async () => {
    const { digest } = await shared().putCandidate('leaky', '1');
    const at = '2026-11-21T10:00:00.000Z';
    const { catalog } = shared().flow;
    await catalog.purges.create({ digest, reason: 'a key', by: 'admin', at, task: 'none' });
    expect((await read(`manifests/${digest}`)).body.purged).toBe(at);
    await catalog.manifests.remove([digest]);
    const { status, body } = await read(`manifests/${digest}`);
    expect([status, body.detail]).toEqual([404, `there is no manifest ${digest}: it was purged at ${at}`]);
  });
});
