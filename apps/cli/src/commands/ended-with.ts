import type { PromotionAnswer, TaskAnswer } from '../answers.ts';
import type { Cli, GlobalOptions } from '../cli.ts';
import { EXIT, exitOfPromotion, exitOfTask } from '../exit-codes.ts';
import { showPromotion } from '../output/show-promotion.ts';
import { showTask } from '../output/show-task.ts';
import { writeJson } from '../output/write.ts';

interface Options extends GlobalOptions {
  readonly wait?: boolean;
}

/** Prints a promotion that a command asked for. @returns the exit code: of one that is not waited for nothing is known yet */
export function endWithPromotion(cli: Cli, { output, wait }: Options, promotion: PromotionAnswer): number {
  if (output === 'json') writeJson(cli.stdout, promotion);
  else showPromotion(cli, promotion);
  return wait === true ? exitOfPromotion(promotion) : EXIT.done;
}

/** Prints a task that a command asked for, likewise. */
export function endWithTask(cli: Cli, { output, wait }: Options, task: TaskAnswer): number {
  if (output === 'json') writeJson(cli.stdout, task);
  else showTask(cli, task);
  return wait === true ? exitOfTask(task) : EXIT.done;
}
