import type { FailedItem, PlannedTag, TaskAnswer } from '../answers.ts';
import type { Environment } from '../cli.ts';
import type { ProgressReport } from './progress.ts';
import { formatTable } from './table.ts';
import { formatBytes, formatTime, plural, printable } from './text.ts';

/** What progress says of a task. */
export function reportTask(task: TaskAnswer): ProgressReport {
  const { bytes, tags, expected } = task.progress;
  // Bytes tell more than tags, once there are some to come.
  const share =
    expected === undefined ? 0 : expected.bytes > 0 ? bytes / expected.bytes : tags / expected.tags;
  return {
    key: task.id,
    state: task.state,
    text: summary(task),
    ...(task.state === 'running' && bytes > 0 && { bytes }),
    ...(share > 0 && { share }),
    // A purge is tried until it is done: what holds it up is to be mended meanwhile.
    ...(task.kind === 'purge' && { details: task.errors.map(({ problem }) => problem.detail) }),
  };
}

/** Prints a task: what came of it on standard output, what failed on standard error. */
export function showTask({ stdout, stderr }: Pick<Environment, 'stdout' | 'stderr'>, task: TaskAnswer): void {
  const { plan } = task.result ?? {};
  if (Array.isArray(plan)) stdout.write(formatPlannedTags(plan as PlannedTag[]));
  stdout.write(`${printable(summary(task))}, task ${printable(task.id)}\n`);
  tellProblems(stderr, task.errors);
}

/** A line for each thing that failed, named once. */
export function tellProblems(stderr: Environment['stderr'], problems: readonly FailedItem[]): void {
  for (const { item, problem, retryAt } of problems) {
    const { detail } = problem;
    const again = retryAt ? ` (tried again at ${formatTime(retryAt)})` : '';
    stderr.write(
      `gantry: ${printable(detail.startsWith(item) ? detail : `${item}: ${detail}`)}${printable(again)}\n`,
    );
  }
}

function summary(task: TaskAnswer): string {
  const { kind, state, parameters = {}, result } = task;
  const { source, digest, tree } = parameters;
  const { serial } = result ?? {};
  const subject = source ?? digest ?? tree;
  const name = typeof subject === 'string' ? `${kind} ${subject}` : kind;
  const counts = COUNTS[kind]?.(task) ?? '';
  return `${name}: ${state}${counts}${typeof serial === 'number' ? `, serial ${serial}` : ''}${serialsOf(result?.['trees'])}`;
}

const COUNTS: Readonly<Record<string, (task: TaskAnswer) => string>> = {
  sync: syncCounts,
  purge: purgeCounts,
  gc: lookedAt,
  scrub: lookedAt,
};

function lookedAt({ progress: { bytes, blobs } }: TaskAnswer): string {
  return `, ${plural(blobs, 'object')} looked at${bytes > 0 ? `, ${formatBytes(bytes)}` : ''}`;
}

/** Those of further trees. */
function serialsOf(trees: unknown): string {
  if (typeof trees !== 'object' || trees === null) return '';
  return Object.entries(trees as Readonly<Record<string, { readonly serial?: unknown }>>)
    .map(([name, { serial }]) => (typeof serial === 'number' ? `, serial ${serial} of ${name}` : ''))
    .join('');
}

function syncCounts({ progress: { bytes, blobs, tags } }: TaskAnswer): string {
  return `, ${plural(tags, 'tag')}, ${plural(blobs, 'new blob')}, ${formatBytes(bytes)}`;
}

/** What was found to be taken out; nothing before it has been looked for. */
function purgeCounts({ result }: TaskAnswer): string {
  const { tagsTakenOut, tagsChanged, candidates, bytes, objects } = result ?? {};
  const counts = [tagsTakenOut, tagsChanged, candidates, bytes];
  if (!Array.isArray(objects) || !counts.every((count) => typeof count === 'number')) return '';
  const [taken = 0, changed = 0, removed = 0, size = 0] = counts;
  if (taken + changed + removed + size + objects.length === 0)
    return ', nothing here held it, and it is kept out';
  const rest = changed > 0 ? `, ${changed} without it now` : '';
  return `, ${plural(taken, 'tag')} taken out${rest}, ${plural(removed, 'candidate')}, ${formatBytes(size)}`;
}

function formatPlannedTags(plan: readonly PlannedTag[]): string {
  return formatTable(plan, [
    { heading: 'REPOSITORY', cell: ({ repository }) => repository },
    { heading: 'TAG', cell: ({ tag }) => tag },
    { heading: 'ACTION', cell: ({ action }) => action },
    { heading: 'RULE', cell: ({ rule }) => rule },
    { heading: 'DIGEST', cell: ({ digest }) => digest ?? '-' },
  ]);
}
