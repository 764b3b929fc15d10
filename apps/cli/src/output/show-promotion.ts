import type { PlanAnswer, PromotedItem, PromotionAnswer } from '../answers.ts';
import type { Environment } from '../cli.ts';
import type { ProgressReport } from './progress.ts';
import { tellProblems } from './show-task.ts';
import { formatTable } from './table.ts';
import { printable } from './text.ts';

const STEPS: readonly string[] = ['queued', 'gating', 'promoting', 'publishing', 'done'];

/** What progress says of a promotion. */
export function reportPromotion(promotion: PromotionAnswer): ProgressReport {
  const step = STEPS.indexOf(promotion.state);
  return {
    state: promotion.state,
    text: summary(promotion),
    share: (step < 0 ? STEPS.length - 1 : step) / (STEPS.length - 1),
  };
}

/** Prints a promotion: its items and what came of it on standard output, what was refused or failed on standard error. */
export function showPromotion(
  { stdout, stderr }: Pick<Environment, 'stdout' | 'stderr'>,
  promotion: PromotionAnswer,
): void {
  stdout.write(formatItems(promotion.items));
  stdout.write(`${printable(summary(promotion))}\n`);
  tellProblems(
    stderr,
    promotion.items.flatMap((item) =>
      item.problem === undefined ? [] : [{ item: nameOf(item), problem: item.problem }],
    ),
  );
  if (promotion.error !== null && promotion.error !== undefined) {
    tellProblems(stderr, [{ item: `promotion ${promotion.id}`, problem: promotion.error }]);
  }
}

/** Prints what a promotion would do. */
export function showPlan({ stdout, stderr }: Pick<Environment, 'stdout' | 'stderr'>, plan: PlanAnswer): void {
  const rows = plan.items.flatMap(({ repository, reference, digest, tags }) =>
    tags.map((tag) => ({ repository, reference, digest, ...tag })),
  );
  if (rows.length > 0) {
    stdout.write(
      formatTable(rows, [
        { heading: 'REPOSITORY', cell: ({ repository }) => repository },
        { heading: 'TAG', cell: ({ tag }) => tag },
        { heading: 'ACTION', cell: ({ action }) => action },
        { heading: 'DIGEST', cell: ({ digest }) => digest ?? '-' },
        { heading: 'INSTEAD OF', cell: ({ action, from }) => (action === 'move' ? (from ?? '-') : '-') },
      ]),
    );
  }
  tellProblems(
    stderr,
    plan.items.flatMap((item) =>
      item.problem === undefined ? [] : [{ item: nameOf(item), problem: item.problem }],
    ),
  );
}

function summary({ id, state, to, serial }: PromotionAnswer): string {
  const where = to === '*' ? 'all channels' : to;
  return `promotion ${id} to ${where}: ${state}${typeof serial === 'number' ? `, serial ${serial}` : ''}`;
}

function formatItems(items: readonly PromotedItem[]): string {
  return formatTable(items, [
    { heading: 'REPOSITORY', cell: ({ repository }) => repository },
    { heading: 'REFERENCE', cell: ({ reference }) => reference },
    { heading: 'TAGS', cell: ({ tags }) => tags.join(' ') },
    { heading: 'STATE', cell: ({ state }) => state },
    { heading: 'DIGEST', cell: ({ digest }) => digest ?? '-' },
  ]);
}

function nameOf({
  repository,
  reference,
}: {
  readonly repository: string;
  readonly reference: string;
}): string {
  return `${repository}${reference.includes(':') ? '@' : ':'}${reference}`;
}
