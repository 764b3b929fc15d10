import type { Promotion, Task, TaskError } from '@gantry/catalog';
import { type Fault, toProblem } from '@gantry/oci';
import type { TaskOutcome } from '../work/run-task.ts';
import type { PublishOutcome } from './publish.ts';
import type { Publisher } from './publisher.ts';
import { findTree, MAIN_TREE, ownsPromotion } from './trees.ts';

/** The publisher that a promotion waits for. */
export function publisherOf(promotion: Pick<Promotion, 'tree'>, publishers: readonly Publisher[]): Publisher {
  return (
    publishers.find(({ tree }) => ownsPromotion(tree, promotion)) ?? findPublisher(MAIN_TREE, publishers)
  );
}

/**
 * Publishes what the task names, one tree or all, each for itself: one that can't be written to holds up no other.
 * @returns how the task ends: with the serial of the tree that was asked for, or with the main tree's and in `trees` those
 * of the further ones; what is damaged in a tree and could not be mended is among its errors
 * @throws Fault TREE_UNKNOWN; what `publishAll` throws, when it is of one tree
 */
export async function publishTrees(
  publishers: readonly Publisher[],
  { parameters }: Pick<Task, 'parameters'>,
  signal: AbortSignal,
): Promise<TaskOutcome> {
  const asked = parameters['tree'];
  if (typeof asked === 'string' || publishers.length === 1) {
    const publisher = findPublisher(typeof asked === 'string' ? asked : MAIN_TREE, publishers);
    const { unmended = [], ...result } = await publisher.publishAll(signal);
    const notMended = unmended.map(toError);
    return { state: notMended.length === 0 ? 'done' : 'partial', errors: notMended, result };
  }
  const outcomes = new Map<string, PublishOutcome>();
  const errors: TaskError[] = [];
  await Promise.all(
    publishers.map(async (publisher) => {
      const { name } = publisher.tree;
      try {
        const { unmended = [], ...outcome } = await publisher.publishAll(signal);
        outcomes.set(name, outcome);
        errors.push(...unmended.map(toError));
      } catch (error) {
        signal.throwIfAborted();
        errors.push({ item: name, problem: toProblem(error) });
      }
    }),
  );
  const { [MAIN_TREE]: main, ...trees } = Object.fromEntries(outcomes);
  const state = errors.length === 0 ? 'done' : outcomes.size === 0 ? 'failed' : 'partial';
  return { state, errors, result: { ...main, trees } };
}

function toError(fault: Fault): TaskError {
  const { digest, document } = fault.details;
  return { item: String(digest ?? document ?? fault.code), problem: toProblem(fault) };
}

function findPublisher(name: string, publishers: readonly Publisher[]): Publisher {
  const named = publishers.map((publisher) => ({ name: publisher.tree.name, publisher }));
  return findTree(name, named).publisher;
}
