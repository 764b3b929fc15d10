import type { PromotedItem, PromotionAnswer } from '../answers.ts';
import type { Environment } from '../cli.ts';
import { nameOf } from './names.ts';
import type { ProgressReport } from './progress.ts';
import { gateProgress } from './show-gates.ts';
import { showSerialAtMirrors } from './show-mirrors.ts';
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
    details: gateProgress(promotion),
  };
}

/** Prints a promotion: its items and what came of it on standard output, what was refused or failed on standard error. */
export function showPromotion(
  { stdout, stderr }: Pick<Environment, 'stdout' | 'stderr'>,
  promotion: PromotionAnswer,
): void {
  stdout.write(formatItems(promotion.items));
  stdout.write(`${printable(summary(promotion))}\n`);
  showSerialAtMirrors({ stdout, stderr }, promotion.mirrors ?? []);
  tellPromotionProblems(stderr, promotion);
}

/** A line for each item that was refused or failed, and for the promotion itself. */
export function tellPromotionProblems(stderr: Environment['stderr'], promotion: PromotionAnswer): void {
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

/** `promotion ID to CHANNEL: STATE, serial N`, and of which tree where it is not the main one */
export function summary({ id, state, to, tree, serial }: PromotionAnswer): string {
  const where = to === '*' ? 'all channels' : to;
  const of = tree === undefined ? '' : ` of ${tree}`;
  return `promotion ${id} to ${where}: ${state}${typeof serial === 'number' ? `, serial ${serial}${of}` : ''}`;
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
