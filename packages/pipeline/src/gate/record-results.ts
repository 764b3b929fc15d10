import type { Result } from '@gantry/catalog';
import type { Messages } from '@gantry/messages';
import { Fault } from '@gantry/oci';
import type { Flow } from '../context.ts';
import { reconsider } from '../promote/reconsider.ts';

/**
 * What a result is kept by, of the id that its sender gave it: each test system has ids of its own, so that none can take
 * what another is about to use.
 * @param source of the result; its name has no colon
 */
export function resultId(source: string, id: string): string {
  return `${source}:${id}`;
}

/**
 * Keeps what test systems report, and has the gates asked again that wait for it. What was sent before under the same id
 * is the same result.
 * @returns each result as it is kept
 * @throws Fault CONFLICT for an id that another result has; what came before it is kept
 */
export async function recordResults(
  flow: Flow,
  messages: Messages,
  results: readonly Result[],
): Promise<readonly Result[]> {
  const kept: Result[] = [];
  try {
    for (const result of results) kept.push(await recordResult(flow, result));
  } finally {
    for (const digest of new Set(kept.map((result) => result.digest)))
      await reconsider(flow, messages, { digest });
  }
  return kept;
}

async function recordResult({ catalog, log }: Flow, result: Result): Promise<Result> {
  const { id, digest, testcase, outcome, source } = result;
  if (await catalog.results.put(result)) {
    log.info({ result: id, digest, testcase, outcome, source, by: result.submittedBy }, 'result.recorded');
    return result;
  }
  const former = await catalog.results.get(id);
  if (former !== undefined && isRepeat(former, result)) return former;
  throw new Fault('CONFLICT', `the id ${id} is another result's: send one of your own, or none`, {
    result: id,
  });
}

/** Who says what of which digest; the rest is for people. */
function isRepeat(former: Result, result: Result): boolean {
  return (
    former.digest === result.digest &&
    former.testcase === result.testcase &&
    former.outcome === result.outcome &&
    former.source === result.source &&
    former.scenario === result.scenario
  );
}
