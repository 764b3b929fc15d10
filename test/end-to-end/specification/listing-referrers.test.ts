import { APP, NOBODY } from './content.ts';
import { errorOf, onEachCrane } from './cranes.ts';

// distribution-spec, "Listing Referrers".

const { chart, group, sbom } = APP.referrers;
const INDEX = 'application/vnd.oci.image.index.v1+json';

interface Listed {
  readonly schemaVersion: number;
  readonly mediaType: string;
  readonly manifests: readonly { readonly digest: string; readonly artifactType?: string }[];
}

const digests = ({ index }: { readonly index: Listed }) =>
  index.manifests.map(({ digest }) => digest).toSorted();

onEachCrane(({ ask }, real) => {
  const list = async (subject: string, query = '') => {
    const response = await ask(`/v2/team/app/referrers/${subject}${query}`, { redirect: 'manual' });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, INDEX]);
    return { index: (await response.json()) as Listed, filters: response.headers.get('oci-filters-applied') };
  };
  const only = async (type: string) => {
    const found = await list(APP.index.digest, `?artifactType=${encodeURIComponent(type)}`);
    return { found: digests(found), filters: found.filters };
  };

  real.test(
    'a repository that is found MUST be 200 with an image index of descriptors, by the crane itself',
    async () => {
      const { index, filters } = await list(APP.index.digest);
      expect([index.schemaVersion, index.mediaType, filters]).toEqual([2, INDEX, null]);
      expect(digests({ index })).toEqual([sbom, chart, group].map(({ digest }) => digest).toSorted());
    },
  );

  real.test(
    "descriptors MUST have artifactType: the manifest's own, else its config's type; none of an index without one",
    async () => {
      const { index } = await list(APP.index.digest);
      const typeOf = (digest: string) => index.manifests.find((one) => one.digest === digest)?.artifactType;
      expect(typeOf(sbom.digest)).toBe('application/spdx+json');
      expect(typeOf(chart.digest)).toBe('application/vnd.example.chart.config.v1+json');
      const ofGroup = index.manifests.find((one) => one.digest === group.digest);
      expect(Object.hasOwn(ofGroup ?? {}, 'artifactType')).toBe(false);
    },
  );

  real.test(
    'descriptors MUST have the annotations of the manifest or index, and its type and size',
    async () => {
      const { index } = await list(APP.index.digest);
      for (const made of [sbom, chart, group]) {
        const { annotations } = JSON.parse(made.bytes.toString()) as { annotations: object };
        expect(index.manifests).toContainEqual(
          expect.objectContaining({
            mediaType: made.mediaType,
            digest: made.digest,
            size: made.size,
            annotations,
          }),
        );
      }
    },
  );

  real.test(
    'a subject that nothing refers to, or that nobody has, MUST be an empty list and not 404',
    async () => {
      for (const subject of [APP.image.digest, NOBODY, APP.image512.digest]) {
        const { index } = await list(subject);
        expect(index).toEqual({ schemaVersion: 2, mediaType: INDEX, manifests: [] });
      }
    },
  );

  real.test('an artifactType filters, and OCI-Filters-Applied MUST say so', async () => {
    const filters = 'artifactType';
    expect(await only('application/spdx+json')).toEqual({ found: [sbom.digest], filters });
    expect(await only('application/vnd.example.chart.config.v1+json')).toEqual({
      found: [chart.digest],
      filters,
    });
    expect(await only('application/vnd.example.nobody')).toEqual({ found: [], filters });
    expect(await only('')).toEqual({ found: [group.digest], filters });
  });

  real.test('the filter is named for an empty list too', async () => {
    expect(await list(NOBODY, '?artifactType=application/spdx%2Bjson')).toEqual({
      index: { schemaVersion: 2, mediaType: INDEX, manifests: [] },
      filters: 'artifactType',
    });
  });

  real.test('a digest with an invalid syntax MUST be 400', async () => {
    for (const digest of ['123', 'latest', 'sha256:totallywrong', 'sha256:', `${NOBODY}0`])
      expect({ digest, ...(await errorOf(await ask(`/v2/team/app/referrers/${digest}`))) }).toEqual({
        digest,
        status: 400,
        code: 'DIGEST_INVALID',
      });
  });

  real.test(
    'a digest of an algorithm that nothing is published by is none with an invalid syntax: the list is empty',
    async () => {
      for (const digest of [
        `sha384:${'0'.repeat(96)}`,
        'blake3:abc',
        'multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8',
      ])
        expect(digests(await list(digest))).toEqual([]);
    },
  );

  real.test('a repository that is not found is 404', async () => {
    expect(await errorOf(await ask(`/v2/nobody/referrers/${APP.index.digest}`))).toEqual({
      status: 404,
      code: 'NAME_UNKNOWN',
    });
  });

  real.test('what is listed is there: each manifest can be pulled by its digest', async () => {
    for (const digest of digests(await list(APP.index.digest)))
      expect((await ask(`/v2/team/app/manifests/${digest}`, { method: 'HEAD' })).status).toBe(200);
  });
});
