import type { CatalogEntry, ManifestRecord } from '@gantry/catalog';
import { type Digest, digestOf } from '@gantry/oci';
import { candidateAt, channelTagAt, repositoryAt, tagAt } from './catalog-content.ts';

const LAYERS = 4;
/** How many images share a base layer. */
const SHARED = 50;

/** What is promoted: an item a tag. */
export function planRequest(tags: number) {
  const items = Array.from({ length: tags }, (_, number) => ({
    repository: repositoryAt(number),
    reference: tagAt(number),
  }));
  return { items, to: 'stable' };
}

/** So many tags, each an index of two images; of ten tags two are in the channel with another digest, one as it is. */
export async function* planEntries(tags: number): AsyncGenerator<CatalogEntry> {
  for (const number of Array(tags).keys())
    for (const record of manifestsAt(number)) yield { noun: 'manifests', record };
  for (const number of Array(tags).keys())
    yield {
      noun: 'candidates',
      record: { ...candidateAt(repositoryAt(number), number), digest: indexAt(number) },
    };
  for (const number of Array(tags).keys()) {
    const there = channelTagAt(repositoryAt(number), number);
    if (number % 10 === 0) yield { noun: 'channels', record: { ...there, digest: indexAt(number) } };
    else if (number % 10 < 3) yield { noun: 'channels', record: there };
  }
}

function indexAt(number: number): Digest {
  return digestOf(`index ${number}`);
}

function manifestsAt(number: number): readonly ManifestRecord[] {
  const images = [0, 1].map((platform): ManifestRecord => {
    const name = `image ${number} ${platform}`;
    const layers = Array.from({ length: LAYERS }, (_, layer) => ({
      digest: digestOf(
        layer === 0 ? `base ${Math.floor(number / SHARED)} ${platform}` : `${name} layer ${layer}`,
      ),
      size: 10_000_000,
    }));
    return {
      digest: digestOf(name),
      kind: 'oci-manifest',
      size: 1000,
      manifests: [],
      blobs: [{ digest: digestOf(`${name} config`), size: 2000 }, ...layers],
    };
  });
  const manifests = images.map(({ digest }) => digest);
  return [...images, { digest: indexAt(number), kind: 'oci-index', size: 600, manifests, blobs: [] }];
}
