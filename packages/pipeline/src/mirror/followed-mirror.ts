import path from 'node:path';
import type { PublicKey, TreeSource } from '@gantry/tree';
import type { Channel, Flow } from '../context.ts';

/** A mirror as the configuration names it. */
export interface FollowedMirror {
  readonly name: string;
  /** Where its copy of the tree begins, without `/` at the end. */
  readonly url: string;
  /** Globs over the published names whose content it carries; absent: all. */
  readonly repositories?: readonly string[];
  /** Where a file is asked for, of a mirror that looks for signatures; absent: at its path below `url`. */
  readonly addressOf?: (path: string) => string;
}

/** How mirrors are followed. */
export interface ConfirmRules {
  /** A mirror is looked at at least this often. */
  readonly everyMs: number;
  /** It is late when it has not served a serial rightly for so long. */
  readonly lateAfterMs: number;
  /** So many tags or objects of a new serial are pulled through it. */
  readonly sample: number;
}

/** The tree whose mirrors are followed, and with what it is compared. */
export interface MirrorContext {
  readonly flow: Pick<Flow, 'catalog' | 'log' | 'now'>;
  /** Its name in the catalog. */
  readonly tree: string;
  readonly source: TreeSource;
  /** Of all trees. */
  readonly channels: readonly Channel[];
  readonly rules: ConfirmRules;
  /** Keys of which one must have signed what a mirror serves; with none signatures are not looked at. */
  readonly trustedKeys: readonly PublicKey[];
}

/** Whether a mirror carries what stands as a repository of a channel in the tree; undefined: it carries all. */
export function carriedBy(
  { repositories = ['**'] }: FollowedMirror,
  channels: readonly Channel[],
): ((channel: string, repository: string) => boolean) | undefined {
  if (repositories.includes('**')) return undefined;
  const prefixes = new Map(channels.map(({ name, prefix }) => [name, prefix]));
  return (channel, repository) => {
    const name = `${prefixes.get(channel) ?? ''}${repository}`;
    return repositories.some((glob) => path.posix.matchesGlob(name, glob));
  };
}
