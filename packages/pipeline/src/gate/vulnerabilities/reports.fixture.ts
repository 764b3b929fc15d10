// Reports in the shapes that scanners write, with members that Gantry does not read.

export interface SampleVulnerability {
  readonly id: string;
  readonly severity: string;
  readonly package?: string;
  readonly version?: string;
  readonly fixedIn?: string;
}

export function trivyReport(
  vulnerabilities: readonly SampleVulnerability[],
  {
    repoDigests = [],
    createdAt = '2026-11-21T08:00:00.123456789Z',
  }: { repoDigests?: string[]; createdAt?: string } = {},
) {
  return {
    SchemaVersion: 2,
    Trivy: { Version: '0.67.2' },
    ReportID: '0192f7c4-5d0e-7c6e-8f5b-1f1e5e2a9a01',
    CreatedAt: createdAt,
    ArtifactName: 'registry.example.org/team/app:1.1',
    ArtifactType: 'container_image',
    Metadata: {
      OS: { Family: 'debian', Name: '13.2' },
      ImageID: `sha256:${'1'.repeat(64)}`,
      RepoDigests: repoDigests,
    },
    Results: [
      { Target: 'registry.example.org/team/app:1.1 (debian 13.2)', Class: 'os-pkgs', Type: 'debian' },
      {
        Target: 'app/package-lock.json',
        Class: 'lang-pkgs',
        Type: 'npm',
        Vulnerabilities: vulnerabilities.map((one) => ({
          VulnerabilityID: one.id,
          PkgName: one.package,
          PkgIdentifier: { PURL: `pkg:npm/${one.package}@${one.version}` },
          InstalledVersion: one.version,
          FixedVersion: one.fixedIn,
          Status: one.fixedIn === undefined ? 'affected' : 'fixed',
          Severity: one.severity.toUpperCase(),
          CVSS: { nvd: { V3Score: 9.8 } },
        })),
      },
    ],
  };
}

export function grypeReport(
  vulnerabilities: readonly SampleVulnerability[],
  { repoDigests = [] }: { repoDigests?: string[] } = {},
) {
  return {
    matches: vulnerabilities.map((one) => ({
      vulnerability: {
        id: one.id,
        dataSource: `https://nvd.example.org/${one.id}`,
        severity: `${one.severity[0]?.toUpperCase()}${one.severity.slice(1)}`,
        fix: {
          versions: one.fixedIn === undefined ? [] : [one.fixedIn],
          state: one.fixedIn === undefined ? 'not-fixed' : 'fixed',
        },
        advisories: [],
      },
      relatedVulnerabilities: [],
      matchDetails: [{ type: 'exact-direct-match', matcher: 'dpkg-matcher' }],
      artifact: { id: 'a1', name: one.package, version: one.version, type: 'deb', locations: [] },
    })),
    ignoredMatches: [],
    source: {
      type: 'image',
      target: { userInput: 'registry.example.org/team/app:1.1', repoDigests, layers: [] },
    },
    distro: { name: 'debian', version: '13', idLike: [] },
    descriptor: {
      name: 'grype',
      version: '0.104.1',
      timestamp: '2026-11-21T09:00:00.5+01:00',
      configuration: { output: ['json'] },
    },
  };
}

export function sarifReport(
  results: readonly object[],
  rules: readonly object[] = [],
  run: Readonly<Record<string, unknown>> = {},
) {
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'Trivy', informationUri: 'https://trivy.dev', version: '0.67.2', rules } },
        columnKind: 'utf16CodeUnits',
        results,
        ...run,
      },
    ],
  };
}
