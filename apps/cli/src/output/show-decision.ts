import type { Output } from '../cli.ts';
import type { DecisionAnswer } from '../gate-answers.ts';
import { printable } from './text.ts';

/** Prints what gates would say. */
export function showDecision(stdout: Output, decision: DecisionAnswer): void {
  stdout.write(`${printable(decision.summary)}\n`);
}
