import { type Digest, Fault, type Manifest, platformName, walkManifests } from '@gantry/oci';
import { Room } from '../concurrency.ts';
import type { Flow } from '../context.ts';
import { explainLost } from '../promote/explain-lost.ts';
import { storeReader } from '../sync/describe-image.ts';

const READ_AT_ONCE = 16;
/** What BuildKit says of an entry of an index that attests another one. */
const ATTESTED = 'vnd.docker.reference.digest';
const IN_TOTO = 'application/vnd.in-toto+json';

/** The manifest that is promoted, and what it is made of. */
export interface ImageParts {
  readonly root: Manifest;
  /** What can be run: the root itself, or the images below an index that are here. */
  readonly images: readonly ImagePart[];
  /** Entries of an index that hold statements of another of its entries, as BuildKit writes them. */
  readonly attestations: readonly { readonly manifest: Manifest; readonly subject: Digest }[];
}

export interface ImagePart {
  readonly manifest: Manifest;
  /** For people: `linux/amd64`, or the digest where no platform is named. */
  readonly called: string;
}

/** Reads a manifest and all below it. @throws Fault MANIFEST_BLOB_UNKNOWN when it is not here */
export async function readImageParts({ catalog, store }: Flow, digest: Digest): Promise<ImageParts> {
  const reader = storeReader(store);
  const room = new Room(READ_AT_ONCE);
  const manifests = await walkManifests({ digest }, (node) =>
    room.run(async () => {
      // Children of platforms that are not wanted are not here.
      if ((await catalog.manifests.get(node.digest)) === undefined) return undefined;
      return reader.manifest(node.digest);
    }),
  );
  const [root] = manifests;
  if (root === undefined) {
    const lost = `the manifest ${digest} is not here: sync its repository again`;
    throw await explainLost({ store }, new Fault('MANIFEST_BLOB_UNKNOWN', lost, { digest }));
  }
  const entries = new Map(
    manifests.flatMap((index) => index.manifests.map((entry) => [entry.digest, entry])),
  );
  const byDigest = new Map<string | undefined, Manifest>(manifests.map((one) => [one.digest, one]));
  const images: ImagePart[] = [];
  const attestations: ImageParts['attestations'][number][] = [];
  for (const manifest of manifests) {
    if (manifest.config === undefined) continue;
    const entry = entries.get(manifest.digest);
    if (holdsStatements(manifest)) {
      const subject = byDigest.get(entry?.annotations?.[ATTESTED]);
      if (subject !== undefined) attestations.push({ manifest, subject: subject.digest });
    } else {
      const platform = entry?.platform;
      images.push({ manifest, called: platform === undefined ? manifest.digest : platformName(platform) });
    }
  }
  return { root, images, attestations };
}

/** By what it is made of, not by what its index says of it: what holds nothing but statements can't be run. */
function holdsStatements({ config, blobs }: Manifest): boolean {
  const layers = config === undefined ? blobs : blobs.slice(1);
  return layers.length > 0 && layers.every(({ mediaType }) => mediaType === IN_TOTO);
}
