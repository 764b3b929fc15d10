import type { Purge } from '@gantry/catalog';
import { type Digest, Fault, parseDigest } from '@gantry/oci';
import type { Flow } from '@gantry/pipeline';
import { z } from 'zod';
import { READ } from '../access.ts';
import { DigestText } from '../content-names.ts';
import { PAGING } from '../paging.ts';
import { route } from '../route.ts';
import { findUses } from '../uses.ts';
import { BlobView, ManifestView, presentBlob, presentManifest } from '../views/content.ts';

const DigestParameter = z.strictObject({ digest: DigestText });
/** How long each list of an answer may be. */
const Lists = z.strictObject({ limit: PAGING.limit });

export const CONTENT_ROUTES = [
  route({
    method: 'GET',
    path: '/api/v1/manifests/{digest}',
    name: 'getManifest',
    summary: 'What is known of a manifest, and where it is used',
    access: READ,
    params: DigestParameter,
    query: Lists,
    answers: { 200: { description: 'The manifest', view: ManifestView } },
    faults: ['DIGEST_INVALID', 'MANIFEST_UNKNOWN'],
    async handle({ params, query: { limit }, api: { flow } }) {
      const digest = parseDigest(params.digest);
      const [record, purge] = await Promise.all([
        flow.catalog.manifests.get(digest),
        flow.catalog.purges.get(digest),
      ]);
      if (record === undefined) throw unknown('MANIFEST_UNKNOWN', digest, purge);
      const uses = await findUses(flow.catalog, digest, limit);
      return { status: 200, json: presentManifest(record, uses, purge, limit) };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/blobs/{digest}',
    name: 'getBlob',
    summary: 'What is known of a blob, and where it is used',
    access: READ,
    params: DigestParameter,
    query: Lists,
    answers: { 200: { description: 'The blob', view: BlobView } },
    faults: ['DIGEST_INVALID', 'BLOB_UNKNOWN'],
    async handle({ params, query: { limit }, api: { flow } }) {
      const digest = parseDigest(params.digest);
      const [stored, uses, purge] = await Promise.all([
        flow.store.stat(digest),
        findUses(flow.catalog, digest, limit),
        flow.catalog.purges.get(digest),
      ]);
      const [naming] = uses.manifests.items.filter(({ as }) => as === 'blob');
      const size =
        stored?.size ?? (naming === undefined ? undefined : await sizeIn(flow, naming.digest, digest));
      if (size === undefined) throw unknown('BLOB_UNKNOWN', digest, purge);
      return { status: 200, json: presentBlob({ digest, size, stored: stored !== undefined }, uses, purge) };
    },
  }),
];

/** As the manifest says that names it. */
async function sizeIn(flow: Flow, manifest: Digest, blob: Digest): Promise<number | undefined> {
  const record = await flow.catalog.manifests.get(manifest);
  return record?.blobs.find(({ digest }) => digest === blob)?.size;
}

function unknown(code: 'MANIFEST_UNKNOWN' | 'BLOB_UNKNOWN', digest: Digest, purge: Purge | undefined): Fault {
  const noun = code === 'MANIFEST_UNKNOWN' ? 'manifest' : 'blob';
  const why = purge === undefined ? '' : `: it was purged at ${purge.at}`;
  return new Fault(code, `there is no ${noun} ${digest}${why}`, { digest });
}
