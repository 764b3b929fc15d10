import { Fault } from '@gantry/oci';
import { diffTrees } from '@gantry/tree';
import type { DifferenceAnswer } from '../answers.ts';
import type { AddCommand, Cli, GlobalOptions } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { openClient } from '../open-operations.ts';
import { writeList } from '../output/write.ts';
import { examples } from '../program.ts';
import { isTreePlace, openPublished, treeAt } from '../tree-place.ts';

interface Options {
  readonly tree?: string;
}

/** `gantry diff`: tags that differ between two channels, serials or sites. */
export const addDiff: AddCommand = (program, cli) => {
  program
    .command('diff')
    .summary('list tags that differ')
    .description('Lists tags that differ between two channels, two serials, or two trees.')
    .argument('<a>', "a channel, a serial, or a tree's folder (with a /) or address")
    .argument('<b>', 'another of the same kind')
    .option('--tree <name>', 'the tree that serials are of; absent: the main one')
    .addHelpText(
      'after',
      examples(
        'gantry diff testing stable',
        'gantry diff 41 42',
        'gantry diff ./data/tree https://mirror.example.org/gantry',
      ),
    )
    .action(
      cli.act<Options, [string, string]>(async (options, a, b) => {
        using interruption = cli.interruptible();
        const differences = await findDifferences(a, b, options, cli, interruption.signal);
        writeList(
          cli,
          options.output,
          differences,
          [
            { heading: 'REPOSITORY', cell: ({ repository }) => repository },
            { heading: 'TAG', cell: ({ tag }) => tag },
            { heading: 'FROM', cell: ({ from }) => from ?? '-' },
            { heading: 'TO', cell: ({ to }) => to ?? '-' },
          ],
          'no tag differs',
        );
        return EXIT.done;
      }),
    );
};

async function findDifferences(
  a: string,
  b: string,
  options: GlobalOptions & Options,
  cli: Cli,
  signal: AbortSignal,
): Promise<DifferenceAnswer[]> {
  if (isTreePlace(a) !== isTreePlace(b)) {
    throw new Fault(
      'REQUEST_INVALID',
      'give two channels, two serials or two trees: a tree is a folder with a "/" in it, or an address',
    );
  }
  if (!isTreePlace(a)) {
    await using client = await openClient(options, cli);
    const query = { from: a, to: b, ...(options.tree !== undefined && { tree: options.tree }) };
    return await Array.fromAsync(client.list<DifferenceAnswer>('/api/v1/diff', query, signal));
  }
  const open = (place: string) => openPublished(treeAt(place, cli.cwd, signal));
  const [before, after] = await Promise.all([open(a), open(b)]);
  return Array.fromAsync(diffTrees(before, after), ({ repository, tag, from = null, to = null }) => ({
    repository,
    tag,
    from,
    to,
  }));
}
