import { isRepositoryName } from '@gantry/oci';
import type { Channel } from '../context.ts';
import type { PublishedTree } from '../publish/published-tree.ts';

/** A tree with its channels, and those of the others. */
type AttributedTree = Pick<PublishedTree, 'channels' | 'others'>;

/** Which channel a published repository belongs to. */
export interface Attribution {
  readonly channel: Channel;
  /** The name in the channel: without its prefix. */
  readonly repository: string;
}

/**
 * Finds the channel of a published repository: the one that its document names, if that is configured and its prefix
 * fits; else the channel with the longest prefix that fits. Channels that are kept out of the tree have no part in it.
 * @param name the published name
 * @param said the channel's name in the repository's document
 * @returns undefined when no channel's prefix fits, and for a channel that stands in another tree by now
 */
export function attribute(name: string, said: string, tree: AttributedTree): Attribution | undefined {
  const isElsewhere = tree.others?.some(({ channels }) => channels.some((one) => one.name === said));
  if (isElsewhere === true) return undefined;
  const fitting = tree.channels.filter(
    ({ publish, prefix }) =>
      publish && name.startsWith(prefix) && isRepositoryName(name.slice(prefix.length)),
  );
  const [longest] = fitting.toSorted((a, b) => b.prefix.length - a.prefix.length);
  const channel = fitting.find((one) => one.name === said) ?? longest;
  return channel && { channel, repository: name.slice(channel.prefix.length) };
}
