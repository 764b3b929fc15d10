import type { Promotion } from '@gantry/catalog';
import { Fault, quote } from '@gantry/oci';
import type { Channel } from '../context.ts';
import type { PublishedTree } from './published-tree.ts';

/** The name of the tree that `tree` in the configuration describes. */
export const MAIN_TREE = 'main';

/** The name of the tree that a channel stands in, or a promotion is of. */
export function treeOf({ tree = MAIN_TREE }: Pick<Channel, 'tree'>): string {
  return tree;
}

/** The tree of what is decided of a channel, as a promotion's record has it. */
export function inTreeOf(channel: Pick<Channel, 'tree'>): Pick<Promotion, 'tree'> {
  const tree = treeOf(channel);
  return tree === MAIN_TREE ? {} : { tree };
}

/** Those of the channels that stand in a tree. With the main one are those that are kept out of all. */
export function channelsOf(tree: string, channels: readonly Channel[]): readonly Channel[] {
  return channels.filter((channel) => treeOf(channel) === tree);
}

/**
 * What belongs to each tree, the main one first.
 * @param further the names of the others
 */
export function shareOut(further: readonly string[], channels: readonly Channel[]): readonly OwnTree[] {
  const all = [MAIN_TREE, ...further].map((name) => ({ name, channels: channelsOf(name, channels) }));
  return all.map((tree) => ({ ...tree, others: all.filter((other) => other !== tree) }));
}

/** @param trees the main one first @throws Fault TREE_UNKNOWN, naming those there are */
export function findTree<T extends Pick<PublishedTree, 'name'>>(name: string, trees: readonly T[]): T {
  const tree = trees.find((one) => one.name === name);
  if (tree !== undefined) return tree;
  const names = trees.map((one) => one.name).join(', ');
  throw new Fault('TREE_UNKNOWN', `there is no tree ${quote(name)}: there are ${names}`, { tree: name });
}

/** A tree, as far as it is known whose is what. */
export type OwnTree = Pick<PublishedTree, 'name' | 'channels' | 'others'>;

/** Whether a tree's publisher writes a channel. What is in no tree, such as one that is not configured any more, is the main one's. */
export function ownsChannel({ name, channels, others = [] }: OwnTree, channel: string): boolean {
  if (channels.some((one) => one.name === channel)) return true;
  return isRest(name, others) && !others.some((other) => other.channels.some((one) => one.name === channel));
}

/** Whether a tree's publisher applies and ends a promotion. One of a tree that is not configured any more is the main one's. */
export function ownsPromotion({ name, others = [] }: OwnTree, promotion: Pick<Promotion, 'tree'>): boolean {
  const tree = treeOf(promotion);
  return tree === name || (isRest(name, others) && !others.some((other) => other.name === tree));
}

/** Whether a tree takes what is no other's: the main one, and one that is alone. */
function isRest(name: string, others: readonly unknown[]): boolean {
  return name === MAIN_TREE || others.length === 0;
}
