import type { Finding } from '@gantry/catalog';
import { z } from 'zod';
import { type RawReport, readAs, readId, readSeverity, readText, readTime } from './parsed-report.ts';
import { repoDigests } from './repo-digests.ts';

// As aquasecurity/trivy writes it, pkg/types/report.go: Go leaves out what is empty, or writes null.
const Trivy = z.object({
  SchemaVersion: z.literal(2),
  CreatedAt: z.unknown().optional(),
  Trivy: z.object({ Version: z.string().optional() }).optional(),
  Metadata: z.object({ RepoDigests: z.array(z.string()).nullish() }).nullish(),
  Results: z
    .array(
      z.object({
        Vulnerabilities: z
          .array(
            z.object({
              VulnerabilityID: z.string(),
              PkgName: z.string().nullish(),
              InstalledVersion: z.string().nullish(),
              FixedVersion: z.string().nullish(),
              Severity: z.string(),
            }),
          )
          .nullish(),
      }),
    )
    .nullish(),
});

/** `trivy image --format json`, of schema version 2. @throws Fault REQUEST_UNPROCESSABLE */
export function readTrivy(json: unknown): RawReport {
  const report = readAs(Trivy, "Trivy's JSON", json);
  const scannerVersion = readText(report.Trivy?.Version);
  const scannedAt = readTime(report.CreatedAt);
  return {
    format: 'trivy',
    scanner: scannerVersion === undefined ? 'Trivy' : `Trivy ${scannerVersion}`,
    ...(scannedAt === undefined ? {} : { scannedAt }),
    digests: repoDigests(report.Metadata?.RepoDigests),
    findings: (report.Results ?? []).flatMap(({ Vulnerabilities }, result) =>
      (Vulnerabilities ?? []).map((found, index): Finding => {
        const at = `Results.${result}.Vulnerabilities.${index}`;
        const [name, version, fixedIn] = [found.PkgName, found.InstalledVersion, found.FixedVersion].map(
          readText,
        );
        return {
          id: readId(found.VulnerabilityID, `${at}.VulnerabilityID`),
          severity: readSeverity(found.Severity, `${at}.Severity`),
          ...(name === undefined ? {} : { package: name }),
          ...(version === undefined ? {} : { version }),
          ...(fixedIn === undefined ? {} : { fixedIn }),
        };
      }),
    ),
  };
}
