import { asFault, Fault, parseStrictJson } from '@gantry/oci';
import { readGrype } from './grype.ts';
import { type ParsedReport, readTime, toReport, unprocessable } from './parsed-report.ts';
import { readSarif } from './sarif.ts';
import { readTrivy } from './trivy.ts';

/** @throws Fault REQUEST_INVALID for what is no JSON; those of `readReport` */
export function parseReport(bytes: Uint8Array): ParsedReport {
  let json: unknown;
  try {
    json = parseStrictJson(bytes);
  } catch (cause) {
    throw new Fault(
      'REQUEST_INVALID',
      `the report can not be read: ${asFault(cause).message}`,
      {},
      { cause },
    );
  }
  return readReport(json);
}

/**
 * A scanner's report, recognised by what it holds. Trivy's report in a record for attestation (`--format cosign-vuln`) is
 * taken out of it.
 * @throws Fault REQUEST_UNPROCESSABLE, naming what is wrong and where, or what would be right
 */
export function readReport(json: unknown): ParsedReport {
  if (hasMember(json, 'scanner') && hasMember(json.scanner, 'result')) {
    const metadata = hasMember(json, 'metadata') ? json.metadata : undefined;
    const finishedAt = hasMember(metadata, 'scanFinishedOn') ? readTime(metadata.scanFinishedOn) : undefined;
    const report = readScannersOwn(json.scanner.result);
    return finishedAt === undefined ? report : { scannedAt: finishedAt, ...report };
  }
  return readScannersOwn(json);
}

function readScannersOwn(report: unknown): ParsedReport {
  if (hasMember(report, 'SchemaVersion')) return toReport(readTrivy(report));
  if (hasMember(report, 'matches')) return toReport(readGrype(report));
  if (hasMember(report, 'runs')) return toReport(readSarif(report));
  throw unprocessable(
    'the report is of no format that is known: send what `trivy image --format json`, `grype -o json` or a scanner that writes SARIF 2.1.0 says',
    '',
  );
}

function hasMember<K extends string>(value: unknown, name: K): value is Readonly<Record<K, unknown>> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name);
}
