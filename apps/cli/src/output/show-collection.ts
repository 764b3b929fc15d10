import type { CollectionReport, ScrubState } from '@gantry/pipeline';
import type { TaskAnswer } from '../answers.ts';
import type { Environment, GlobalOptions } from '../cli.ts';
import { showTask } from './show-task.ts';
import { formatPlain, formatTable } from './table.ts';
import { formatBytes, formatTime, printable } from './text.ts';

/** A line of the table. */
interface Row {
  readonly place: string;
  readonly what: string;
  readonly objects: number;
  readonly bytes: number | null;
}

/**
 * Prints what came of a collection or a scrub: how much of what, why no more is freed, and what failed. For scripts
 * (`plain`) standard output has the lines of the table alone.
 */
export function showCollection(
  { stdout, stderr }: Pick<Environment, 'stdout' | 'stderr'>,
  task: TaskAnswer,
  output: GlobalOptions['output'],
): void {
  const { result } = task;
  const isPlain = output === 'plain';
  const format = isPlain ? formatPlain : formatTable;
  const sentences = isPlain ? stderr : stdout;
  if (task.kind === 'gc' && isReport(result)) {
    stdout.write(format(rowsOf(result), COLUMNS));
    for (const reason of reasonsOf(result)) sentences.write(`${printable(reason)}\n`);
  }
  if (task.kind === 'scrub' && isScrub(result) && result.damaged.length > 0)
    stdout.write(format(result.damaged, DAMAGED));
  if (task.kind === 'scrub' && isScrub(result) && (result.mended ?? 0) > 0)
    sentences.write(`Files of trees that were damaged or missing, and were put anew: ${result.mended}\n`);
  showTask({ stdout: sentences, stderr }, task);
}

const COLUMNS = [
  { heading: 'PLACE', cell: ({ place }: Row) => place },
  { heading: 'WHAT', cell: ({ what }: Row) => what },
  { heading: 'OBJECTS', cell: ({ objects }: Row) => objects, align: 'right' },
  {
    heading: 'SIZE',
    cell: ({ bytes }: Row) => (bytes === null ? '-' : formatBytes(bytes)),
    align: 'right',
  },
] as const;

const DAMAGED = [
  { heading: 'DAMAGED', cell: ({ digest }: ScrubState['damaged'][number]) => digest },
  { heading: 'STATE', cell: ({ state }: ScrubState['damaged'][number]) => state },
  { heading: 'ASIDE', cell: ({ aside }: ScrubState['damaged'][number]) => aside ?? '-' },
];

function rowsOf({ store, trees, dryRun }: CollectionReport): Row[] {
  const freed = dryRun ? 'to be freed' : 'freed';
  const condemned = dryRun ? 'to be condemned' : 'newly condemned';
  const rows: Row[] = [];
  if (store !== null) {
    const place = 'store';
    for (const [what, { blobs, bytes }] of Object.entries(store.kept))
      rows.push({ place, what: `kept for ${what}`, objects: blobs, bytes });
    rows.push(
      ...[
        { what: condemned, ...store.condemned },
        { what: 'needed again', ...store.spared },
        { what: waiting(store.waiting.nextAt), ...store.waiting },
        { what: freed, ...store.freed },
      ].map(({ what, blobs, bytes }) => ({ place, what, objects: blobs, bytes })),
    );
  }
  for (const tree of trees) {
    const place = `tree ${tree.tree}`;
    rows.push({ place, what: 'kept', objects: tree.marked, bytes: null });
    rows.push(
      ...[
        { what: condemned, ...tree.condemned },
        { what: 'needed again', ...tree.spared },
        { what: waiting(tree.waiting.nextAt), ...tree.waiting },
        { what: freed, ...tree.removed },
        { what: `${freed}, in no list`, ...tree.orphans },
      ].map(({ what, objects, bytes }) => ({ place, what, objects, bytes })),
    );
  }
  return rows;
}

function waiting(nextAt: string | null): string {
  return nextAt === null ? 'waiting' : `waiting, until ${formatTime(nextAt)} at first`;
}

function reasonsOf({ store, trees }: CollectionReport): string[] {
  return [
    ...(store?.reasons ?? []).map((reason) => `store: ${reason}`),
    ...trees.flatMap(({ tree, reasons }) => reasons.map((reason) => `tree ${tree}: ${reason}`)),
  ];
}

function isReport(result: unknown): result is CollectionReport {
  return typeof result === 'object' && result !== null && 'trees' in result && Array.isArray(result.trees);
}

function isScrub(result: unknown): result is ScrubState {
  return (
    typeof result === 'object' && result !== null && 'damaged' in result && Array.isArray(result.damaged)
  );
}
