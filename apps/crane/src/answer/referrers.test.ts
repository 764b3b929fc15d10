import { answerReferrers, noReferrers, parseReferrersQuery } from './referrers.ts';

const REFERRERS = Buffer.from(
  JSON.stringify({ schemaVersion: 2, manifests: [{ digest: 'a', artifactType: 'sbom' }, { digest: 'b' }] }),
);

test('a query asks for all, for those of a type, or for those without one', () => {
  expect(
    ['', 'ns=x', 'artifactType=sbom', 'artifactType=', 'a=b&artifactType=x%2Fy'].map(parseReferrersQuery),
  ).toEqual([undefined, undefined, 'sbom', '', 'x/y']);
});

test('all are sent as they lie in the tree; of a type, or without one, those that are', () => {
  expect(answerReferrers(REFERRERS, undefined).body).toEqual({ from: 'memory', bytes: REFERRERS });
  const digests = (artifactType: string) => {
    const { body } = answerReferrers(REFERRERS, artifactType);
    const text = body.from === 'memory' ? String(body.bytes) : '';
    return (JSON.parse(text) as { manifests: { digest: string }[] }).manifests.map(({ digest }) => digest);
  };
  expect([digests('sbom'), digests(''), digests('other')]).toEqual([['a'], ['b'], []]);
});

test('a filter is named, and none is not', () => {
  expect(noReferrers('sbom').headers).toContain('OCI-Filters-Applied');
  expect(noReferrers('').headers).toContain('OCI-Filters-Applied');
  expect(noReferrers(undefined).headers).not.toContain('OCI-Filters-Applied');
});
