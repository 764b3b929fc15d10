import type { Finding } from '@gantry/catalog';
import { z } from 'zod';
import { type RawReport, readAs, readId, readSeverity, readText, readTime } from './parsed-report.ts';
import { repoDigests } from './repo-digests.ts';

// As anchore/grype writes it, grype/presenter/models/document.go. `target` is text for what is no image.
const Grype = z.object({
  matches: z.array(
    z.object({
      vulnerability: z.object({
        id: z.string(),
        severity: z.string(),
        fix: z.object({ state: z.string().nullish(), versions: z.array(z.string()).nullish() }).nullish(),
      }),
      artifact: z.object({ name: z.string().nullish(), version: z.string().nullish() }),
    }),
  ),
  source: z
    .object({
      target: z
        .union([
          z.object({ repoDigests: z.array(z.string()).nullish() }),
          z.unknown().transform(() => undefined),
        ])
        .optional(),
    })
    .nullish(),
  descriptor: z.object({
    name: z.string(),
    version: z.string().nullish(),
    timestamp: z.unknown().optional(),
  }),
});

/** `grype -o json`. @throws Fault REQUEST_UNPROCESSABLE */
export function readGrype(json: unknown): RawReport {
  const { matches, source, descriptor } = readAs(Grype, "Grype's JSON", json);
  const scannedAt = readTime(descriptor.timestamp);
  const name = readText(descriptor.name) ?? 'grype';
  const version = readText(descriptor.version);
  return {
    format: 'grype',
    scanner: version === undefined ? name : `${name} ${version}`,
    ...(scannedAt === undefined ? {} : { scannedAt }),
    digests: repoDigests(source?.target?.repoDigests),
    findings: matches.map(({ vulnerability, artifact }, index): Finding => {
      const at = `matches.${index}.vulnerability`;
      const [packageName, installed] = [artifact.name, artifact.version].map(readText);
      const isFixed = vulnerability.fix?.state === 'fixed';
      const fixedIn = isFixed ? readText(vulnerability.fix?.versions?.join(', ')) : undefined;
      return {
        id: readId(vulnerability.id, `${at}.id`),
        severity: readSeverity(vulnerability.severity, `${at}.severity`),
        ...(packageName === undefined ? {} : { package: packageName }),
        ...(installed === undefined ? {} : { version: installed }),
        ...(fixedIn === undefined ? {} : { fixedIn }),
      };
    }),
  };
}
