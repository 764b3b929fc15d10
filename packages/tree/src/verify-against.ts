import { quote } from '@gantry/oci';
import { differingRepositories, diffRepository } from './diff.ts';
import { tagName } from './findings.ts';
import { openTree } from './open-tree.ts';
import { judgeStatement, type StatedSerial } from './statement.ts';
import type { TreeSource } from './tree-source.ts';
import type { Verification } from './verification.ts';

/**
 * Holds a tree to another one, which is taken to be right: serial and root, and if the roots are not equal, which
 * repositories and tags differ.
 * @throws Fault UNAVAILABLE, TREE_INVALID when the other tree can not be read
 */
export async function verifyAgainst(
  { source, log, signal }: Verification,
  current: StatedSerial,
  other: TreeSource,
): Promise<void> {
  const reference = await openTree(other);
  if (reference === undefined) {
    log.add('different', `${other.name} holds no tree to compare with`);
    return;
  }
  const [here, there] = [current.statement, reference.statement];
  const severity = here.root === there.root ? 'warning' : 'error';
  switch (judgeStatement(reference, current)) {
    case 'same':
      return;
    case 'older':
      log.add('stale', `it is at serial ${here.serial}, and ${other.name} at ${there.serial}`, { severity });
      break;
    case 'newer':
      log.add('ahead', `it is at serial ${here.serial}, and ${other.name} at ${there.serial} only`, {
        severity,
      });
      break;
    case 'fork':
      log.add(
        'fork',
        `its serial ${here.serial} and serial ${there.serial} of ${other.name} are not of one history`,
      );
      break;
    case 'other tree':
      log.add('other-tree', `it is of the tree ${here.tree}, and ${other.name} of ${there.tree}`);
      break;
  }
  if (here.root === there.root) return;
  try {
    const mine = await openTree(source, { serial: here.serial });
    if (mine === undefined) return;
    for await (const repository of differingRepositories(mine, reference)) {
      signal?.throwIfAborted();
      let tags = 0;
      for (const { tag, from, to } of await diffRepository(mine, reference, repository)) {
        tags++;
        const message = `${tagName(repository, tag)} is ${from ?? 'absent'}, and ${to ?? 'absent'} in ${other.name}`;
        log.add('different', message, { repository, tag });
      }
      if (tags === 0) {
        log.add(
          'different',
          `${quote(repository)} has the same tags as in ${other.name}, and another document`,
          {
            repository,
          },
        );
      }
    }
  } catch (error) {
    log.addFault(error, {});
  }
}
