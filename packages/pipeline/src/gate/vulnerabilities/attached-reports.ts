import {
  asFault,
  type Descriptor,
  type Digest,
  Fault,
  type Manifest,
  MANIFEST_MAX_BYTES,
  parseManifest,
} from '@gantry/oci';
import type { Flow } from '../../context.ts';
import type { GateSubject } from '../gate.ts';
import { referringManifests } from '../referring-manifests.ts';
import { mayHold, parseStatement } from '../statements.ts';
import { checkReportSubject } from './check-subject.ts';
import { type ParsedReport, REPORT_MAX_BYTES } from './parsed-report.ts';
import { parseReport, readReport } from './read-report.ts';

const REPORTS_MAX = 50;
/** Artifact types and media types of reports as they are, by how they begin. */
const REPORT_TYPES = [
  'application/sarif+json',
  'application/vnd.aquasec.trivy.report',
  'application/vnd.anchore.grype',
];
const COSIGN_VULNERABILITIES = 'https://cosign.sigstore.dev/attestation/vuln/v1';
const VULNERABILITIES = /^(?:https:\/\/)?cosign\.sigstore\.dev\/attestation\/vuln\/v1$/;

/** What came with an image: a report, or why it is none. */
export type AttachedReport = { readonly manifest: Digest } & (
  | { readonly report: ParsedReport }
  | { readonly why: string }
);

/**
 * The reports that refer to this very image: as artifacts of a scanner's type, and as attestations, whose signatures
 * nobody looks at here.
 * @throws Fault of a store or catalog that can not be asked just now
 */
export async function findAttachedReports(
  flow: Flow,
  subject: GateSubject,
): Promise<readonly AttachedReport[]> {
  const found: AttachedReport[] = [];
  for (const digest of await referringManifests(flow.catalog, subject, 'att')) {
    try {
      const bytes = await flow.store.read(digest, MANIFEST_MAX_BYTES);
      const manifest = parseManifest(bytes, undefined, digest);
      if (manifest.config === undefined) continue;
      for (const layer of manifest.blobs.slice(1)) {
        const report = await readLayer(flow, manifest, layer, subject.digest);
        if (report === undefined) continue;
        if (found.length >= REPORTS_MAX) throw unreadable(`${REPORTS_MAX} others have been read already`);
        await checkReportSubject(flow.catalog, report, subject.digest);
        found.push({ manifest: digest, report });
      }
    } catch (error) {
      const fault = asFault(error);
      if (fault.retry || fault.code === 'INTERNAL') throw fault;
      found.push({ manifest: digest, why: fault.message });
    }
  }
  return found;
}

/** @returns undefined for what is no report of vulnerabilities */
async function readLayer(
  { store }: Flow,
  manifest: Manifest,
  layer: Descriptor,
  image: Digest,
): Promise<ParsedReport | undefined> {
  if (isReport(layer.mediaType) || isReport(manifest.artifactType ?? ''))
    return parseReport(await store.read(layer.digest, REPORT_MAX_BYTES));
  const said = statedType(manifest, layer);
  if (!mayHold(layer.mediaType) || !VULNERABILITIES.test(said ?? COSIGN_VULNERABILITIES)) return undefined;
  if (said === undefined && layer.size > REPORT_MAX_BYTES) return undefined; // it may be anything: an SBOM can be that large
  const statement = parseStatement(await store.read(layer.digest, REPORT_MAX_BYTES));
  if (statement === undefined && said === undefined) return undefined;
  if (statement === undefined) throw unreadable('it is not an in-toto statement');
  if (!VULNERABILITIES.test(statement.predicateType)) return undefined;
  if (!statement.subjects.includes(image)) throw unreadable('it is about another image');
  return readReport(statement.predicate);
}

function isReport(type: string): boolean {
  return REPORT_TYPES.some((start) => type.startsWith(start));
}

/** The type of a statement, where the manifest names it: what is of another type need not be read. */
function statedType(manifest: Manifest, { annotations }: Descriptor): string | undefined {
  return (
    annotations?.['predicateType'] ??
    annotations?.['in-toto.io/predicate-type'] ??
    manifest.annotations?.['dev.sigstore.bundle.predicateType']
  );
}

function unreadable(why: string): Fault {
  return new Fault('REQUEST_UNPROCESSABLE', why);
}
