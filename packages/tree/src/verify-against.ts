import { Fault, quote } from '@gantry/oci';
import { differingRepositories, diffRepository } from './diff.ts';
import { type FindingLog, tagName } from './findings.ts';
import type { PublicKey } from './keys.ts';
import { openTree, readStatement } from './open-tree.ts';
import { isSignatureProblem } from './signatures.ts';
import { judgeStatement, type StatedSerial } from './statement.ts';
import type { TreeSource } from './tree-source.ts';
import type { Verification } from './verification.ts';

/** The tree that another one is held to. */
export interface Reference {
  readonly name: string;
  /** Undefined when there is none, or none that can be trusted: then nothing can be said. */
  readonly stated: StatedSerial | undefined;
  /** Whether both have one root: the same repositories, tags and content. */
  readonly isEqual: boolean;
}

/**
 * Holds a tree to another one, which is taken to be right, by serial and root alone. It has to be signed by the same keys.
 * @throws Fault UNAVAILABLE when the other place does not answer
 */
export async function compareRoots(
  log: FindingLog,
  current: StatedSerial,
  other: TreeSource,
  trustedKeys: readonly PublicKey[],
): Promise<Reference> {
  const stated = await readReference(log, other, trustedKeys);
  if (stated === undefined) return { name: other.name, stated, isEqual: false };
  const [here, there] = [current.statement, stated.statement];
  const isEqual = here.root === there.root;
  const severity = isEqual ? 'warning' : 'error';
  switch (judgeStatement(stated, current)) {
    case 'same':
      break;
    case 'older':
      log.add('stale', `it is at serial ${here.serial}, and ${other.name} at ${there.serial}`, { severity });
      break;
    case 'newer': {
      const message = `it is at serial ${here.serial}, and ${other.name} at ${there.serial} only`;
      log.add('ahead', message, { severity });
      break;
    }
    case 'fork': {
      const serials = `its serial ${here.serial} and serial ${there.serial} of ${other.name}`;
      log.add('fork', `${serials} are not of one history`);
      break;
    }
    case 'other tree':
      log.add('other-tree', `it is of the tree ${here.tree}, and ${other.name} of ${there.tree}`);
      break;
  }
  return { name: other.name, stated, isEqual };
}

async function readReference(
  log: FindingLog,
  other: TreeSource,
  trustedKeys: readonly PublicKey[],
): Promise<StatedSerial | undefined> {
  try {
    const stated = await readStatement(other, undefined, trustedKeys);
    if (stated === undefined) log.add('different', `${other.name} holds no tree to compare with`);
    return stated;
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'TREE_INVALID') throw error;
    const { signature } = error.details;
    if (!isSignatureProblem(signature)) log.addFault(error, {});
    else log.add(signature, `there is nothing to compare with: ${error.message}`);
    return undefined;
  }
}

/** Names the repositories and tags that differ; what both have under one digest is not read. */
export async function nameDifferences(
  { source, log, signal }: Pick<Verification, 'source' | 'log' | 'signal'>,
  current: StatedSerial,
  other: TreeSource,
  { stated }: Reference,
): Promise<void> {
  if (stated === undefined) return;
  try {
    const mine = await openTree(source, { serial: current.statement.serial });
    const reference = await openTree(other, { serial: stated.statement.serial });
    if (mine === undefined || reference === undefined) return; // its statement alone is absent, which is found
    for await (const repository of differingRepositories(mine, reference)) {
      signal?.throwIfAborted();
      let tags = 0;
      for (const { tag, from, to } of await diffRepository(mine, reference, repository)) {
        tags++;
        const message = `${tagName(repository, tag)} is ${from ?? 'absent'}, and ${to ?? 'absent'} in ${other.name}`;
        log.add('different', message, { repository, tag });
      }
      if (tags === 0) {
        const message = `${quote(repository)} has the same tags as in ${other.name}, and another document`;
        log.add('different', message, { repository });
      }
    }
  } catch (error) {
    // What is wrong here is found without a comparison, too.
    const isHere = error instanceof Fault && error.details['tree'] === source.name;
    if (!isHere) log.addFault(error, {});
  }
}
