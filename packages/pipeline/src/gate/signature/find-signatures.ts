import { asFault, type Descriptor, type Digest, MANIFEST_MAX_BYTES, parseManifest } from '@gantry/oci';
import type { Flow } from '../../context.ts';
import type { GateSubject } from '../gate.ts';
import { referringManifests } from '../referring-manifests.ts';
import type { Claim } from './claim.ts';
import { readSimpleSigning, SIGNATURE_ANNOTATION, SIMPLE_SIGNING } from './simple-signing.ts';

const PAYLOAD_MAX_BYTES = 1024 * 1024;
const CLAIMS_MAX = 100;
const BUNDLE = 'application/vnd.dev.sigstore.bundle';

/** What was found in one manifest that may hold a signature: a claim, or why there is none. */
export type FoundSignature = { readonly manifest: Digest } & (
  | { readonly claim: Claim }
  | { readonly why: string }
);

/**
 * All that says to sign this very image: an index is signed itself, not by a signature of one of its children. What came
 * after the promotion was accepted is looked at as well, as far as it was synced.
 * @throws Fault of a store or catalog that can not be asked just now
 */
export async function findSignatures(flow: Flow, subject: GateSubject): Promise<readonly FoundSignature[]> {
  const found: FoundSignature[] = [];
  const image = {
    digest: subject.digest,
    manifest: () => flow.store.read(subject.digest, MANIFEST_MAX_BYTES),
  };
  for (const manifest of await referringManifests(flow.catalog, subject, 'sig')) {
    try {
      const { blobs } = parseManifest(
        await flow.store.read(manifest, MANIFEST_MAX_BYTES),
        undefined,
        manifest,
      );
      for (const layer of blobs.filter(isSignature)) {
        if (found.length >= CLAIMS_MAX) return found;
        found.push(await readLayer(flow, manifest, layer, image));
      }
    } catch (error) {
      found.push({ manifest, why: reasonOf(error) });
    }
  }
  return found;
}

function isSignature({ mediaType }: Descriptor): boolean {
  return mediaType === SIMPLE_SIGNING || mediaType.startsWith(BUNDLE);
}

async function readLayer(
  { store }: Flow,
  manifest: Digest,
  layer: Descriptor,
  image: { readonly digest: Digest; readonly manifest: () => Promise<Uint8Array> },
): Promise<FoundSignature> {
  try {
    const bytes = await store.read(layer.digest, PAYLOAD_MAX_BYTES);
    if (layer.mediaType === SIMPLE_SIGNING) {
      const signature = layer.annotations?.[SIGNATURE_ANNOTATION];
      return { manifest, claim: readSimpleSigning(bytes, signature, image.digest) };
    }
    const { readSigstoreBundle } = await import('./sigstore-bundle.ts');
    return { manifest, claim: readSigstoreBundle(bytes, image.digest, await image.manifest()) };
  } catch (error) {
    return { manifest, why: reasonOf(error) };
  }
}

/** Why there is no signature to be had. What may be had later is no reason. */
function reasonOf(error: unknown): string {
  const fault = asFault(error);
  if (fault.retry || fault.code === 'INTERNAL') throw fault;
  return fault.message;
}
