import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type Digest, splitDigest } from '@gantry/oci';
import { type MadeManifest, makeArtifact, makeBlob } from '@gantry/registry';

export interface Signer {
  readonly pem: string;
  /** A signature in base64. */
  sign(bytes: Uint8Array): string;
}

/** Someone with a new key. @param hash absent: the one that the kind of key is used with most */
export function makeSigner(kind: 'P-256' | 'P-384' | 'rsa' | 'ed25519' = 'P-256', hash?: string): Signer {
  const { publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject } =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : kind === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: kind });
  return {
    pem: publicKey.export({ type: 'spki', format: 'pem' }),
    sign: (bytes) =>
      sign(kind === 'ed25519' ? null : (hash ?? 'sha256'), bytes, privateKey).toString('base64'),
  };
}

/** What cosign signs of an image. */
export function simplePayload(digest: Digest, changed: Readonly<Record<string, unknown>> = {}): Buffer {
  const critical = {
    identity: { 'docker-reference': 'registry.example.org/team/app' },
    image: { 'docker-manifest-digest': digest },
    type: 'cosign container image signature',
    ...changed,
  };
  return Buffer.from(JSON.stringify({ critical, optional: null }));
}

/** A manifest as cosign pushes it, one layer a signature. With a subject it is a referrer. */
export function simpleSignature(payload: Uint8Array, signature: string | undefined, subject?: MadeManifest) {
  return makeArtifact({
    ...(subject === undefined
      ? { config: makeBlob('application/vnd.oci.image.config.v1+json', '{}') }
      : { artifactType: 'application/vnd.dev.cosign.artifact.sig.v1+json', subject }),
    layers: [makeBlob('application/vnd.dev.cosign.simplesigning.v1+json', payload)],
    ...(signature === undefined
      ? {}
      : { layerAnnotations: { 'dev.cosignproject.cosign/signature': signature } }),
  });
}

/** What cosign states of an image in a bundle. */
export function statement(digest: Digest, predicateType = 'https://sigstore.dev/cosign/sign/v1'): Buffer {
  const { algorithm, hex } = splitDigest(digest);
  return Buffer.from(
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { [algorithm]: hex }, annotations: {} }],
      predicateType,
      predicate: {},
    }),
  );
}

const IN_TOTO = 'application/vnd.in-toto+json';

/** A Sigstore bundle of a statement. */
export function statementBundle(payload: Buffer, signer: Signer, payloadType = IN_TOTO) {
  const head = `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `;
  const sig = signer.sign(Buffer.concat([Buffer.from(head), payload]));
  return bundle({
    dsseEnvelope: { payload: payload.toString('base64'), payloadType, signatures: [{ sig }] },
  });
}

/** A Sigstore bundle of the image's manifest itself. */
export function messageBundle(manifest: Uint8Array, signer: Signer) {
  return bundle({
    messageSignature: {
      messageDigest: {
        algorithm: 'SHA2_256',
        digest: createHash('sha256').update(manifest).digest('base64'),
      },
      signature: signer.sign(manifest),
    },
  });
}

/** A bundle's manifest, a referrer. */
export function bundleManifest(content: unknown, subject: MadeManifest): MadeManifest {
  const type = 'application/vnd.dev.sigstore.bundle.v0.3+json';
  return makeArtifact({ artifactType: type, layers: [makeBlob(type, JSON.stringify(content))], subject });
}

function bundle(content: object) {
  return {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: 'aGludA==' } },
    ...content,
  };
}
