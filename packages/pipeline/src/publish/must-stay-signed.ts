import { Fault } from '@gantry/oci';
import type { Statement } from '@gantry/tree';
import type { PublishedTree } from './published-tree.ts';
import { MAIN_TREE } from './trees.ts';

/**
 * Publishes nothing unsigned after what was signed, unless that is wanted: cranes that trust a key would stand still, and
 * nothing here would tell.
 * @throws Fault CONFIGURATION_INVALID
 */
export function mustStaySigned(tree: PublishedTree, current: Statement | undefined): void {
  const signature = current?.signatures[0];
  if (signature === undefined || tree.signing !== undefined) return;
  const key = `${tree.name === MAIN_TREE ? 'tree' : `trees.${tree.name}`}.signing.keyFile`;
  const { name } = tree.target.source;
  throw new Fault(
    'CONFIGURATION_INVALID',
    `${key} is not set, and the tree ${name} is signed, by the key ${signature.keyid}: who trusts that key alone would take nothing unsigned. Name the key's file, or, to sign no more, write ${key}: none`,
    { key, serial: current?.serial },
  );
}
