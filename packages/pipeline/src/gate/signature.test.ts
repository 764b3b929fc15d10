import { rm } from 'node:fs/promises';
import {
  type MadeManifest,
  makeArtifact,
  makeBlob,
  makeImage,
  makeIndex,
  makeLayer,
  makeSbom,
} from '@gantry/registry';
import { hasFiles } from '@gantry/store';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import type { SignatureRule } from './configuration.ts';
import { currentSubject } from './current-subject.fixture.ts';
import { openSignatureGate } from './signature.ts';
import {
  bundleManifest,
  makeSigner,
  messageBundle,
  type Signer,
  simplePayload,
  simpleSignature,
  statement,
  statementBundle,
} from './contract/signing.ts';

const image = (text: string) =>
  makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [makeLayer([{ path: 'a', content: text }])],
  });
const IMAGE = image('1');
const OTHER = image('2');
const release = makeSigner();
const qa = makeSigner('ed25519');
const stranger = makeSigner();
const tagOf = ({ digest }: MadeManifest) => `${digest.replace(':', '-')}.sig`;
const bySig = (signer: Signer, payload = simplePayload(IMAGE.digest), subject?: MadeManifest) =>
  simpleSignature(payload, signer.sign(payload), subject);

async function synced(push: (fixture: FlowFixture) => void): Promise<FlowFixture> {
  const fixture = await openFlow();
  fixture.upstream.push('app', IMAGE, '1.0');
  push(fixture);
  await fixture.sync();
  return fixture;
}

async function ask(
  { flow }: FlowFixture,
  rule: Partial<SignatureRule> = {},
  subject = currentSubject(flow, 'app', '1.0'),
) {
  const evaluate = openSignatureGate({ keys: [{ name: 'release', pem: release.pem }], ...rule });
  const requirements = await evaluate(await subject, { flow, signal: new AbortController().signal });
  expect(requirements).toHaveLength(1);
  return requirements[0];
}

/** Of an image whose only signature is this. */
async function askOf(push: (fixture: FlowFixture) => void, rule: Partial<SignatureRule> = {}) {
  await using fixture = await synced(push);
  return ask(fixture, rule);
}

const KINDS = [
  ['P-256', undefined],
  ['P-384', 'sha256'],
  ['P-384', 'sha384'],
  ['rsa', undefined],
  ['ed25519', undefined],
] as const;

describe('a signature by a key', () => {
  test.each(KINDS)('in each form, of %s (%s)', async (kind, hash) => {
    const signer = makeSigner(kind, hash);
    const rule = { keys: [{ name: 'release', pem: signer.pem }] };
    const forms: Record<string, [MadeManifest, ...string[]]> = {
      tag: [bySig(signer), tagOf(IMAGE)],
      referrer: [bySig(signer, undefined, IMAGE)],
      statement: [bundleManifest(statementBundle(statement(IMAGE.digest), signer), IMAGE)],
      message: [bundleManifest(messageBundle(IMAGE.bytes, signer), IMAGE)],
    };
    for (const [made, ...tags] of Object.values(forms)) {
      expect(await askOf(({ upstream }) => upstream.push('app', made, ...tags), rule)).toEqual({
        name: 'signature',
        satisfied: true,
        type: 'signature-verified',
        detail: 'the image is signed by release',
        evidence: { release: made.digest },
      });
    }
  });

  test('n of them: each key once, however often it has signed', async () => {
    const keys = [release, qa, stranger].map(({ pem }, index) => ({ name: `key${index}`, pem }));
    await using fixture = await synced(({ upstream }) => {
      upstream.push('app', bySig(release), tagOf(IMAGE));
      upstream.push('app', bySig(release, undefined, IMAGE));
    });
    expect(await ask(fixture, { keys, count: 1 })).toMatchObject({ satisfied: true });
    expect(await ask(fixture, { keys, count: 2 })).toMatchObject({
      satisfied: false,
      type: 'signature-missing',
      detail: 'the image is signed by key0 alone, and must be by 2 of key0, key1, key2',
      pending: true,
    });
    fixture.upstream.push('app', bundleManifest(statementBundle(statement(IMAGE.digest), qa), IMAGE));
    await fixture.sync();
    expect(await ask(fixture, { keys, count: 2 })).toMatchObject({ satisfied: true });
    expect(await ask(fixture, { keys, count: 3 })).toMatchObject({ satisfied: false });
  });

  test('that came after the promotion was accepted counts', async () => {
    await using fixture = await synced(() => undefined);
    const accepted = currentSubject(fixture.flow, 'app', '1.0');
    expect(await ask(fixture, {}, accepted)).toMatchObject({ type: 'signature-missing', pending: true });
    fixture.upstream.push('app', bySig(release), tagOf(IMAGE));
    await fixture.sync();
    expect((await accepted).companions).toEqual([]);
    expect(await ask(fixture, {}, accepted)).toMatchObject({ satisfied: true });
  });

  test('beside another that is wrong is enough', async () => {
    const requirement = await askOf(({ upstream }) => {
      upstream.push('app', bySig(stranger), tagOf(IMAGE));
      upstream.push('app', bySig(release, undefined, IMAGE));
      upstream.push('app', makeSbom(IMAGE, 'app'));
    });
    expect(requirement).toMatchObject({ satisfied: true });
  });
});

describe('fails closed', () => {
  const payload = simplePayload(IMAGE.digest);
  const { dsseEnvelope } = statementBundle(statement(IMAGE.digest), release) as unknown as {
    dsseEnvelope: { payload: string; payloadType: string; signatures: unknown[] };
  };
  const base = statementBundle(statement(IMAGE.digest), release);
  const simple = (made: MadeManifest) => (fixture: FlowFixture) =>
    fixture.upstream.push('app', made, tagOf(IMAGE));
  const bundled = (content: unknown) => (fixture: FlowFixture) =>
    fixture.upstream.push('app', bundleManifest(content, IMAGE));

  test.each<[string, (fixture: FlowFixture) => void, string]>([
    [
      'another key',
      simple(bySig(stranger)),
      'not signed by a key that is named here (it was given to registry.example.org/team/app)',
    ],
    [
      'a payload of another image',
      simple(bySig(release, simplePayload(OTHER.digest))),
      `it signs another image, ${OTHER.digest}`,
    ],
    [
      'a payload that was changed',
      simple(simpleSignature(simplePayload(IMAGE.digest, { x: 1 }), release.sign(payload))),
      'not signed by a key',
    ],
    [
      'a payload of another type',
      simple(bySig(release, simplePayload(IMAGE.digest, { type: 'atomic container signature' }))),
      'not a payload that cosign signs',
    ],
    [
      'a payload with a digest of upper case',
      simple(bySig(release, Buffer.from(payload.toString().replace('sha256:', 'SHA256:')))),
      'not a payload that cosign signs',
    ],
    [
      'a payload that names two digests',
      simple(
        bySig(
          release,
          Buffer.from(
            payload.toString().replace('"image":{', `"image":{"docker-manifest-digest":"${OTHER.digest}",`),
          ),
        ),
      ),
      'stands twice',
    ],
    ['a payload that is no JSON', simple(bySig(release, Buffer.from('sha256:1'))), 'not JSON'],
    [
      'a payload of more than 1 MiB',
      simple(bySig(release, Buffer.concat([payload, Buffer.alloc(1024 * 1024, 32)]))),
      '1048576',
    ],
    ['no signature', simple(simpleSignature(payload, undefined)), 'has no signature in the annotation'],
    [
      'a signature that is no base64',
      simple(simpleSignature(payload, 'not base64')),
      'has no signature in the annotation',
    ],
    ['a signature of another form', simple(simpleSignature(payload, 'AAAA')), 'not signed by a key'],
    [
      'a bundle by another key',
      bundled(statementBundle(statement(IMAGE.digest), stranger)),
      'not signed by a key',
    ],
    [
      'a bundle of another image',
      bundled(statementBundle(statement(OTHER.digest), release)),
      'it signs another image',
    ],
    ['a bundle of another manifest', bundled(messageBundle(OTHER.bytes, release)), 'not signed by a key'],
    [
      'a statement of something else',
      bundled(statementBundle(statement(IMAGE.digest, 'https://slsa.dev/provenance/v1'), release)),
      'which does not say that the image is signed',
    ],
    [
      'a statement under another type',
      bundled(statementBundle(statement(IMAGE.digest), release, 'text/plain')),
      'application/vnd.in-toto+json is awaited',
    ],
    [
      'a statement that was changed',
      bundled({
        ...base,
        dsseEnvelope: {
          ...dsseEnvelope,
          payload: Buffer.from(`${statement(IMAGE.digest).toString()} `).toString('base64'),
        },
      }),
      'not signed by a key',
    ],
    [
      'a bundle without a signature',
      bundled({ ...base, dsseEnvelope: { ...dsseEnvelope, signatures: [] } }),
      'not a Sigstore bundle',
    ],
    [
      'a bundle with a certificate',
      bundled({ ...base, verificationMaterial: { certificate: { rawBytes: 'AAAA' } } }),
      'signed by a certificate',
    ],
    ['a bundle that is none', bundled({ mediaType: [], verificationMaterial: 1 }), 'not a Sigstore bundle'],
    ['null', bundled(null), 'not a Sigstore bundle'],
  ])('%s', async (_, push, why) => {
    const requirement = await askOf(push);
    expect(requirement).toMatchObject({ satisfied: false, type: 'signature-invalid', evidence: {} });
    expect(requirement?.detail).toContain('the image is not signed, and must be by release. sha256:');
    expect(requirement?.detail).toContain(why);
  });

  test('no signature at all', async () => {
    expect(await askOf(() => undefined)).toEqual({
      name: 'signature',
      satisfied: false,
      type: 'signature-missing',
      detail: 'the image is not signed, and must be by release',
      pending: true,
      evidence: {},
    });
  });

  test('a referrer of another image, copied here, signs nothing here', async () => {
    const requirement = await askOf(({ upstream }) => {
      upstream.push('app', OTHER, '2.0');
      upstream.push('app', bySig(release, undefined, OTHER));
      upstream.push('app', bySig(release, simplePayload(OTHER.digest)), tagOf(OTHER));
    });
    expect(requirement).toMatchObject({ satisfied: false, type: 'signature-missing' });
  });

  test('an index is signed itself, not by a signature of its image', async () => {
    await using fixture = await openFlow();
    const index = makeIndex([IMAGE]);
    fixture.upstream.push('app', index, '1.0');
    fixture.upstream.push('app', bySig(release), tagOf(IMAGE));
    await fixture.sync();
    expect(await ask(fixture)).toMatchObject({ satisfied: false, type: 'signature-missing' });
    fixture.upstream.push('app', bySig(release, simplePayload(index.digest)), tagOf(index));
    await fixture.sync();
    expect(await ask(fixture)).toMatchObject({ satisfied: true });
  });

  test('a signature whose bytes are gone from the store', async () => {
    const made = bySig(release);
    await using fixture = await synced(simple(made));
    const { store } = fixture.flow;
    if (!hasFiles(store)) throw new Error('the store keeps no files');
    await rm(store.pathOf(made.blobs[1]?.digest ?? made.digest));
    expect(await ask(fixture)).toMatchObject({ satisfied: false, type: 'signature-invalid' });
  });

  test('a store that can not be asked just now is no verdict on the signature', async () => {
    await using fixture = await synced(simple(bySig(release)));
    const { flow } = fixture;
    const store = {
      ...flow.store,
      read: () => Promise.reject(Object.assign(new Error('down'), { code: 'EIO' })),
    };
    await expect(
      ask({ ...fixture, flow: { ...flow, store } }, {}, currentSubject(flow, 'app', '1.0')),
    ).rejects.toThrow('down');
  });

  test('more signatures than are looked at', async () => {
    const layers = Array.from({ length: 150 }, (_, index) =>
      makeBlob('application/vnd.dev.cosign.simplesigning.v1+json', simplePayload(IMAGE.digest, { index })),
    );
    const flood = makeArtifact({
      layers,
      layerAnnotations: { 'dev.cosignproject.cosign/signature': stranger.sign(payload) },
    });
    const requirement = await askOf(simple(flood));
    expect(requirement).toMatchObject({ satisfied: false });
    expect(requirement?.detail).toContain('; and 95 more');
  });
});

describe('a rule is refused', () => {
  test.each<[string, SignatureRule, string]>([
    ['no PEM', { keys: [{ name: 'a', pem: 'x' }] }, 'it is not a public key in PEM'],
    [
      'broken PEM',
      { keys: [{ name: 'a', pem: '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----' }] },
      'it is not a public key in PEM',
    ],
    [
      'one name twice',
      {
        keys: [
          { name: 'release', pem: release.pem },
          { name: 'release', pem: qa.pem },
        ],
      },
      'must not count twice',
    ],
    [
      'one key twice',
      {
        keys: [
          { name: 'release', pem: release.pem },
          { name: 'b', pem: release.pem },
        ],
      },
      'must not count twice',
    ],
    [
      'more than there are',
      { keys: [{ name: 'release', pem: release.pem }], count: 2 },
      'count is 2, and there are 1 keys',
    ],
  ])('for %s', (_, rule, why) => {
    expect(() => openSignatureGate(rule)).toThrow(why);
  });
});
