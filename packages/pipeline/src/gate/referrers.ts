import type { Requirement } from '@gantry/catalog';
import { type Digest, subjectOfCompanionTag } from '@gantry/oci';
import { Room } from '../concurrency.ts';
import type { Flow } from '../context.ts';
import { type ImageReader, storeReader } from '../sync/describe-image.ts';
import type { ReferrersRule } from './configuration.ts';
import type { Gate, GateSubject } from './gate.ts';
import { type ImageParts, readImageParts } from './images.ts';
import { readStatements } from './statements.ts';

/** More are not looked at. */
const REFERRERS_MAX = 1000;
/** Of all images together: a statement may be large, and is held in memory. */
const reading = new Room(2);

/**
 * Asks for referrers of given types: of the image, or, of an index that has none itself, of each of its images. A
 * referrer's types are its artifact type, the media types of its layers, and the predicate types of the statements it
 * holds, if they are about what it refers to. Companion tags and BuildKit's attestations count as referrers.
 */
export function openReferrersGate(rule: ReferrersRule): Gate['evaluate'] {
  return async (subject, { flow }) => {
    const parts = await readImageParts(flow, subject.digest);
    const referrers = await readReferrers(flow, subject, parts);
    return [...new Set(rule.artifactTypes)].map((type) => judge(type, parts, referrers));
  };
}

interface Referrer {
  readonly digest: Digest;
  /** What it is about. */
  readonly subject: Digest;
  readonly types: ReadonlySet<string>;
}

/** Those that refer to the image or to one of its parts. */
async function readReferrers(
  { catalog, store }: Flow,
  { referrers, companions }: GateSubject,
  { root, images, attestations }: ImageParts,
): Promise<readonly Referrer[]> {
  const about = new Set<Digest>([root.digest, ...images.map(({ manifest }) => manifest.digest)]);
  const records = await catalog.manifests.getAll(referrers);
  const found = [
    ...[...records.values()].map(({ digest, subject }) => ({ digest, subject })),
    ...companions.map(({ tag, digest }) => ({ digest, subject: subjectOfCompanionTag(tag) })),
    ...attestations.map(({ manifest, subject }) => ({ digest: manifest.digest, subject })),
  ];
  const reader = storeReader(store);
  const ofImage = found.flatMap(({ digest, subject }) =>
    subject === undefined || !about.has(subject) ? [] : { digest, subject },
  );
  return Promise.all(
    ofImage
      .slice(0, REFERRERS_MAX)
      .map(({ digest, subject }) =>
        reading.run(async () => ({ digest, subject, types: await typesOf(reader, digest, subject) })),
      ),
  );
}

async function typesOf(reader: ImageReader, digest: Digest, subject: Digest): Promise<ReadonlySet<string>> {
  const manifest = await reader.manifest(digest);
  const layers = manifest.config === undefined ? [] : manifest.blobs.slice(1);
  const statements = await readStatements(reader, layers);
  return new Set([
    ...(manifest.artifactType === undefined ? [] : [manifest.artifactType]),
    ...layers.map(({ mediaType }) => mediaType),
    ...statements
      .filter(({ subjects }) => subjects.includes(subject))
      .map(({ predicateType }) => predicateType),
  ]);
}

function judge(type: string, { root, images }: ImageParts, referrers: readonly Referrer[]): Requirement {
  const of = (digest: Digest) =>
    referrers.find((referrer) => referrer.subject === digest && referrer.types.has(type));
  const own = of(root.digest);
  const without = own === undefined ? images.filter(({ manifest }) => of(manifest.digest) === undefined) : [];
  const found =
    own ?? (without.length === 0 ? images.map(({ manifest }) => of(manifest.digest))[0] : undefined);
  if (found !== undefined) {
    return {
      name: type,
      satisfied: true,
      type: 'referrer-present',
      detail: `${found.digest} is a referrer of this type${own === undefined ? ', and each of its images has one' : ''}`,
      evidence: { referrer: found.digest },
    };
  }
  const [first] = without;
  const some = without.length > 0 && without.length < images.length;
  return {
    name: type,
    satisfied: false,
    type: 'referrer-missing',
    detail: `no referrer or attestation of the type ${type} came with ${some ? `its image for ${first?.called}` : 'it'}: push one, and sync`,
    pending: true,
  };
}
