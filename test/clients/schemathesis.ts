import path from 'node:path';
import { BUILT_SERVERS } from '../servers/mongo-java-server.ts';
import { attempt, type Outcome } from '../servers/run.ts';

/** Schemathesis in a virtual environment of its own, made by `.ci/run` of `test/servers/schemathesis/requirements.txt`. */
export const SCHEMATHESIS = path.join(BUILT_SERVERS, 'schemathesis/bin/st');

const HOOKS = path.join(import.meta.dirname, '../fuzz/parse-alone.py');

/** Sends what an OpenAPI document says, and what it forbids, and holds the answers against it. */
export function fuzz(
  url: string,
  options: {
    readonly token: string;
    readonly configuration: string;
    readonly seed: number;
    /** Of each operation. */
    readonly examples: number;
    readonly without: { readonly operations: readonly string[]; readonly checks: readonly string[] };
    /** Where it keeps what it remembers. */
    readonly folder: string;
    readonly timeoutMs: number;
  },
): Promise<Outcome> {
  const { token, configuration, seed, examples, without, folder, timeoutMs } = options;
  return attempt(
    SCHEMATHESIS,
    [
      '--no-color',
      `--config-file=${configuration}`,
      'run',
      `${url}/openapi.json`,
      `--header=Authorization: Bearer ${token}`,
      '--phases=examples,coverage,fuzzing,stateful',
      `--max-examples=${examples}`,
      `--seed=${seed}`,
      '--generation-database=none',
      '--checks=all',
      `--exclude-checks=${without.checks.join(',')}`,
      ...without.operations.map((name) => `--exclude-operation-id=${name}`),
      '--continue-on-failure',
      '--request-timeout=20',
      '--workers=2',
      '--warnings=off',
    ],
    { cwd: folder, timeoutMs, env: { ...process.env, SCHEMATHESIS_HOOKS: HOOKS } },
  );
}
