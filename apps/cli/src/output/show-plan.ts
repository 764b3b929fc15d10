import type { PlanAnswer, PlannedItem } from '../answers.ts';
import type { Output } from '../cli.ts';
import { nameOf, shortDigest } from './names.ts';
import { formatBytes, formatTime, plural, printable } from './text.ts';

interface PlanLine {
  readonly mark: '+' | '~' | '=' | '!';
  readonly name: string;
  readonly change: string;
}

/** Prints what a promotion would do as a diff: + comes, ~ moves, = stays, ! is refused. */
export function showPlan(stdout: Output, plan: PlanAnswer, { verbose }: { readonly verbose: boolean }): void {
  const { totals } = plan;
  const lines = plan.items.flatMap((item) => linesOf(item, verbose ? (digest) => digest : shortDigest));
  const shown = lines.filter(({ mark }) => verbose || mark !== '=');
  const width = shown.reduce((widest, { name }) => Math.max(widest, printable(name).length), 0);
  for (const { mark, name, change } of shown)
    stdout.write(`${mark} ${printable(name).padEnd(width)}  ${printable(change)}\n`);
  if (!verbose && totals.noops > 0) {
    const [are, them] = totals.noops === 1 ? ['as it should be', 'it'] : ['as they should be', 'them'];
    stdout.write(`= ${plural(totals.noops, 'tag')} ${are} (--verbose names ${them})\n`);
  }

  const counts = [
    `${plural(totals.adds, 'tag')} added`,
    `${totals.moves} moved`,
    `${totals.noops} unchanged`,
    `${totals.refusals} refused`,
  ].join(', ');
  const bytes = `${plural(totals.objects, 'new object')}, ${formatBytes(totals.bytes)}`;
  stdout.write(`${printable(plan.to)}: ${counts}; ${bytes}\n`);
  if (plan.atomic && totals.refusals > 0) {
    stdout.write(`plan ${printable(plan.id)} is atomic: what is refused refuses all of it\n`);
    return;
  }
  if (totals.adds + totals.moves + totals.noops === 0) return;
  const command = `gantry promote --plan ${plan.id} --to ${plan.to} --wait`;
  stdout.write(
    `plan ${printable(plan.id)}: until ${formatTime(plan.expiresAt)} "${printable(command)}" does just this\n`,
  );
}

function linesOf(item: PlannedItem, show: (digest: string) => string): readonly PlanLine[] {
  const { repository, digest } = item;
  if (item.problem !== undefined) return [{ mark: '!', name: nameOf(item), change: item.problem.detail }];
  const to = digest === null ? '-' : show(digest);
  return item.tags.map(({ tag, action, from, problem }) => {
    const name = `${repository}:${tag}`;
    const before = from === undefined ? 'nothing' : show(from);
    switch (action) {
      case 'add':
        return { mark: '+', name, change: to };
      case 'move':
        return { mark: '~', name, change: `${before} → ${to}` };
      case 'noop':
        return { mark: '=', name, change: to };
      case 'refuse':
        return { mark: '!', name, change: problem?.detail ?? 'refused' };
      default:
        return { mark: '!', name, change: `${String(action)}: this Gantry does not know it` };
    }
  });
}
