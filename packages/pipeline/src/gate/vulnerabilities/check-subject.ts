import type { Catalog } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import { type ParsedReport, unprocessable } from './parsed-report.ts';

/**
 * A report that names digests must name the image's, or that of an index and one of its images: whichever of both was
 * scanned. One that names none is taken at its sender's word.
 * @throws Fault REQUEST_UNPROCESSABLE
 */
export async function checkReportSubject(
  { manifests }: Pick<Catalog, 'manifests'>,
  { digests }: ParsedReport,
  image: Digest,
): Promise<void> {
  if (digests.length === 0 || digests.includes(image)) return;
  const records = await manifests.getAll([image, ...digests]);
  const below = (one: Digest, other: Digest) => records.get(one)?.manifests.includes(other) ?? false;
  if (digests.some((digest) => below(image, digest) || below(digest, image))) return;
  throw unprocessable(`the report is about another image: it names ${digests[0]}, not ${image}`, '');
}
