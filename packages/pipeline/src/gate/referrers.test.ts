import {
  type MadeManifest,
  makeArtifact,
  makeBlob,
  makeImage,
  makeIndex,
  makeLayer,
  makeManifest,
  makeSbom,
} from '@gantry/registry';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { currentSubject } from './current-subject.fixture.ts';
import { openReferrersGate } from './referrers.ts';
import { bundleManifest, makeSigner, statement, statementBundle } from './contract/signing.ts';

const SPDX = 'application/spdx+json';
const SLSA = 'https://slsa.dev/provenance/v1';
const image = (architecture: string) =>
  makeImage({
    platform: { os: 'linux', architecture },
    layers: [makeLayer([{ path: 'a', content: architecture }])],
  });
const [AMD, ARM] = [image('amd64'), image('arm64')];
const INDEX = makeIndex([AMD, ARM]);
const signer = makeSigner();
const tagOf = ({ digest }: MadeManifest, suffix: string) => `${digest.replace(':', '-')}.${suffix}`;
const envelope = (payload: Buffer) =>
  JSON.stringify({
    payloadType: 'application/vnd.in-toto+json',
    payload: payload.toString('base64'),
    signatures: [{ sig: '' }],
  });

const descriptor = ({ mediaType, digest, size, platform }: MadeManifest) => ({
  mediaType,
  digest,
  size,
  platform,
});

/** An index of both images as BuildKit writes it, with an attestation of each of the subjects. */
function attested(subjects: readonly MadeManifest[]): MadeManifest {
  const attestations = subjects.map((subject) => ({
    subject,
    made: makeArtifact({
      layers: [makeBlob('application/vnd.in-toto+json', statement(subject.digest, SLSA))],
    }),
  }));
  const manifests = [
    ...[AMD, ARM].map(descriptor),
    ...attestations.map(({ made, subject }) => ({
      ...descriptor(made),
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: {
        'vnd.docker.reference.type': 'attestation-manifest',
        'vnd.docker.reference.digest': subject.digest,
      },
    })),
  ];
  const { mediaType } = INDEX;
  return {
    ...makeManifest(mediaType, { schemaVersion: 2, mediaType, manifests }),
    children: [AMD, ARM, ...attestations.map(({ made }) => made)],
  };
}

async function ask(
  pushed: MadeManifest,
  push: (fixture: FlowFixture) => void,
  ...artifactTypes: readonly string[]
) {
  await using fixture = await openFlow();
  const { flow, upstream } = fixture;
  upstream.push('app', pushed, '1.0');
  push(fixture);
  await fixture.sync();
  const subject = await currentSubject(flow, 'app', '1.0');
  const gate = openReferrersGate({ artifactTypes });
  return await gate(subject, { flow, signal: new AbortController().signal });
}
const satisfied = async (...asked: Parameters<typeof ask>) =>
  (await ask(...asked)).map((requirement) => requirement.satisfied);

describe('referrers of a type', () => {
  test('are there by their artifact type, and named', async () => {
    const sbom = makeSbom(AMD, 'app');
    expect(await ask(AMD, ({ upstream }) => upstream.push('app', sbom), SPDX, SLSA)).toEqual([
      {
        name: SPDX,
        satisfied: true,
        type: 'referrer-present',
        detail: `${sbom.digest} is a referrer of this type`,
        evidence: { referrer: sbom.digest },
      },
      {
        name: SLSA,
        satisfied: false,
        type: 'referrer-missing',
        detail: `no referrer or attestation of the type ${SLSA} came with it: push one, and sync`,
        pending: true,
      },
    ]);
  });

  test('are there by the predicate of a statement, bare, in an envelope or in a bundle', async () => {
    const stated = statement(AMD.digest, SLSA);
    const bare = makeArtifact({
      artifactType: 'application/vnd.in-toto+json',
      layers: [makeBlob('application/vnd.in-toto+json', stated)],
      subject: AMD,
    });
    const dsse = makeArtifact({
      artifactType: 'application/vnd.dsse.envelope.v1+json',
      layers: [makeBlob('application/vnd.dsse.envelope.v1+json', envelope(stated))],
      subject: AMD,
    });
    const bundle = bundleManifest(statementBundle(stated, signer), AMD);
    for (const form of [bare, dsse, bundle])
      expect(await satisfied(AMD, ({ upstream }) => upstream.push('app', form), SLSA)).toEqual([true]);
  });

  test('are not there by a statement of another image, or one that can not be read', async () => {
    const type = 'application/vnd.in-toto+json';
    for (const bytes of [statement(ARM.digest, SLSA), '{', '[]', JSON.stringify({ predicateType: SLSA })]) {
      const referrer = makeArtifact({ artifactType: type, layers: [makeBlob(type, bytes)], subject: AMD });
      expect(await satisfied(AMD, ({ upstream }) => upstream.push('app', referrer), SLSA, type)).toEqual([
        false,
        true,
      ]);
    }
  });

  test("are there behind cosign's tags", async () => {
    const config = makeBlob('application/vnd.oci.image.config.v1+json', '{}');
    const att = makeArtifact({
      config,
      layers: [makeBlob('application/vnd.dsse.envelope.v1+json', envelope(statement(AMD.digest, SLSA)))],
    });
    const sbom = makeArtifact({ config, layers: [makeBlob('text/spdx+json', '{}')] });
    const push = ({ upstream }: FlowFixture) => {
      upstream.push('app', att, tagOf(AMD, 'att'));
      upstream.push('app', sbom, tagOf(AMD, 'sbom'));
    };
    expect(await satisfied(AMD, push, SLSA, 'text/spdx+json')).toEqual([true, true]);
  });

  test('are of an index itself, or of each of its images', async () => {
    const of = (...subjects: readonly MadeManifest[]) =>
      satisfied(
        INDEX,
        ({ upstream }) => subjects.forEach((subject) => upstream.push('app', makeSbom(subject, 'app'))),
        SPDX,
      );
    expect(await of(INDEX)).toEqual([true]);
    expect(await of(AMD, ARM)).toEqual([true]);
    expect(await of(AMD)).toEqual([false]);
    const [missing] = await ask(INDEX, ({ upstream }) => upstream.push('app', makeSbom(AMD, 'app')), SPDX);
    expect(missing?.detail).toContain('came with its image for linux/arm64');
  });

  test("are BuildKit's attestations in the index", async () => {
    expect(await satisfied(attested([AMD, ARM]), () => {}, SLSA)).toEqual([true]);
    expect(await satisfied(attested([AMD]), () => {}, SLSA)).toEqual([false]);
  });

  test('are not those of a referrer', async () => {
    const sbom = makeSbom(AMD, 'app');
    const ofSbom = makeArtifact({ artifactType: SLSA, layers: [makeBlob('text/plain', 'a')], subject: sbom });
    const push = ({ upstream }: FlowFixture) => {
      upstream.push('app', sbom);
      upstream.push('app', ofSbom);
    };
    expect(await satisfied(AMD, push, SLSA)).toEqual([false]);
  });
});
