import type { Finding, Severity } from '@gantry/catalog';
import { z } from 'zod';
import { type RawReport, readAs, readId, readText, readTime, unprocessable } from './parsed-report.ts';
import { repoDigests } from './repo-digests.ts';

const LEVELS = ['none', 'note', 'warning', 'error'] as const;
const Level = z.enum(LEVELS);
const Properties = z.object({ 'security-severity': z.union([z.string(), z.number()]).optional() }).optional();
const Rule = z.object({
  id: z.string(),
  defaultConfiguration: z.object({ level: Level.optional() }).optional(),
  properties: Properties,
});
const Rules = z.array(Rule).optional();
const Index = z.int().min(-1).optional();

// SARIF 2.1.0, sections 3.13, 3.14, 3.20, 3.27, 3.49, 3.52.
const Sarif = z.object({
  version: z.literal('2.1.0'),
  runs: z.array(
    z.object({
      tool: z.object({
        driver: z.object({
          name: z.string(),
          version: z.string().optional(),
          semanticVersion: z.string().optional(),
          rules: Rules,
        }),
        extensions: z.array(z.object({ rules: Rules })).optional(),
      }),
      invocations: z
        .array(z.object({ endTimeUtc: z.unknown().optional(), executionSuccessful: z.boolean().optional() }))
        .optional(),
      properties: z.object({ repoDigests: z.array(z.string()).optional().catch(undefined) }).optional(),
      results: z
        .array(
          z.object({
            ruleId: z.string().optional(),
            ruleIndex: Index,
            rule: z
              .object({
                id: z.string().optional(),
                index: Index,
                toolComponent: z.object({ index: Index }).optional(),
              })
              .optional(),
            kind: z.string().optional(),
            level: Level.optional(),
            baselineState: z.string().optional(),
            properties: Properties,
          }),
        )
        .nullish(),
    }),
  ),
});
type Run = z.infer<typeof Sarif>['runs'][number];
type Result = NonNullable<Run['results']>[number];
type Rule = z.infer<typeof Rule>;

/** Kinds of results that tell of no problem (section 3.27.9). */
const HARMLESS: readonly string[] = ['pass', 'informational', 'notApplicable'];
const BY_LEVEL: Readonly<Record<(typeof LEVELS)[number], Severity>> = {
  error: 'high',
  warning: 'medium',
  note: 'low',
  none: 'negligible',
};

/**
 * SARIF 2.1.0: what vulnerability scanners write with it. A result's severity is that of the number in its, or its rule's,
 * `security-severity` (as CVSS has it: from 9 critical, from 7 high, from 4 medium, above 0 low, 0 unknown); without one that
 * of its level, or its rule's: error high, warning medium, note low, none negligible. What was suppressed counts.
 * @throws Fault REQUEST_UNPROCESSABLE
 */
export function readSarif(json: unknown): RawReport {
  const { runs } = readAs(Sarif, 'SARIF', json);
  const driver = runs[0]?.tool.driver;
  if (driver === undefined) throw unprocessable('the report looks like SARIF, but it holds no run', 'runs');
  const name = readText(driver.name) ?? 'unknown';
  const version = readText(driver.semanticVersion ?? driver.version);
  const scannedAt = runs.flatMap((run) => run.invocations ?? []).map((one) => readTime(one.endTimeUtc))[0];
  return {
    format: 'sarif',
    scanner: version === undefined ? name : `${name} ${version}`,
    ...(scannedAt === undefined ? {} : { scannedAt }),
    digests: runs.flatMap(({ properties }) => repoDigests(properties?.repoDigests)),
    findings: runs.flatMap(readRun),
  };
}

function readRun(run: Run, index: number): Finding[] {
  const isWhole = run.invocations?.every((one) => one.executionSuccessful !== false) ?? true;
  if (!isWhole || run.results === null || run.results === undefined)
    throw unprocessable(
      `runs.${index} tells of a scan that failed: it has no results to go by`,
      `runs.${index}`,
    );
  const rules = [run.tool.driver.rules ?? [], ...(run.tool.extensions ?? []).map((one) => one.rules ?? [])];
  const byId = new Map(rules.flat().map((rule) => [rule.id, rule]));
  return run.results.flatMap((result, place) => {
    if (HARMLESS.includes(result.kind ?? 'fail') || result.baselineState === 'absent') return [];
    const at = `runs.${index}.results.${place}`;
    const indexed = ruleByIndex(rules, result);
    const id = result.ruleId ?? result.rule?.id ?? indexed?.id;
    if (id === undefined) throw unprocessable(`${at} names no rule: ruleId is missing`, `${at}.ruleId`);
    const rule = indexed ?? byId.get(id);
    return [{ id: readId(id, `${at}.ruleId`), severity: severityOf(result, rule, at) }];
  });
}

function ruleByIndex(rules: readonly (readonly Rule[])[], { ruleIndex, rule }: Result): Rule | undefined {
  const index = rule?.index ?? ruleIndex ?? -1;
  return index < 0 ? undefined : rules[(rule?.toolComponent?.index ?? -1) + 1]?.[index];
}

function severityOf(result: Result, rule: Rule | undefined, at: string): Severity {
  const score = result.properties?.['security-severity'] ?? rule?.properties?.['security-severity'];
  if (score === undefined) return BY_LEVEL[result.level ?? rule?.defaultConfiguration?.level ?? 'warning'];
  const number =
    typeof score === 'number' || /^\d{1,2}(?:\.\d{1,10})?$/.test(score) ? Number(score) : Number.NaN;
  if (!(number >= 0 && number <= 10))
    throw unprocessable(`${at}: its security-severity is not a number from 0.0 to 10.0`, at);
  if (number >= 9) return 'critical';
  if (number >= 7) return 'high';
  if (number >= 4) return 'medium';
  return number > 0 ? 'low' : 'unknown';
}
