import { type Digest, type Descriptor, Fault, hasherFor, parseManifest } from '@gantry/oci';
import { openRegistry } from '@gantry/registry';

/**
 * Pulls an image through a crane as a client would, redirects followed and every byte hashed, and throws it away.
 * @param url of the crane
 * @returns the image's digest and how many bytes came
 * @throws Fault of the registry's client; DIGEST_INVALID for bytes that are not those of their digest
 */
export async function checkPull(
  url: string,
  repository: string,
  tag: string,
): Promise<{ digest: Digest; bytes: number }> {
  await using registry = openRegistry({ name: 'crane', url });
  const { digest } = await registry.manifest(repository, tag);
  const seen = new Set<Digest>();
  let bytes = 0;
  const pull = async (manifestDigest: Digest): Promise<void> => {
    if (seen.has(manifestDigest)) return;
    seen.add(manifestDigest);
    const fetched = await registry.manifest(repository, manifestDigest);
    bytes += fetched.bytes.length;
    const manifest = parseManifest(fetched.bytes, fetched.contentType, manifestDigest);
    for (const child of manifest.manifests) await pull(child.digest);
    for (const blob of manifest.blobs) await pullBlob(blob);
  };
  const pullBlob = async (blob: Descriptor): Promise<void> => {
    if (seen.has(blob.digest)) return;
    seen.add(blob.digest);
    const { body } = await registry.blob(repository, blob.digest);
    const hash = hasherFor(blob.digest);
    for await (const chunk of body as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    if (!blob.digest.endsWith(`:${hash.digest('hex')}`)) {
      throw new Fault('DIGEST_INVALID', `what came for ${blob.digest} through ${url} is something else`, {
        digest: blob.digest,
      });
    }
  };
  await pull(digest);
  return { digest, bytes };
}
