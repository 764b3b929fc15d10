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

function summary({ kind, state, parameters, progress, result }: TaskAnswer): string {
  const { source } = parameters ?? {};
  const { serial } = result ?? {};
  const name = typeof source === 'string' ? `${kind} ${source}` : kind;
  const { bytes, blobs, tags } = progress;
  const counts =
    kind === 'sync' ? `, ${plural(tags, 'tag')}, ${plural(blobs, 'new blob')}, ${formatBytes(bytes)}` : '';
  return `${name}: ${state}${counts}${typeof serial === 'number' ? `, serial ${serial}` : ''}`;
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
