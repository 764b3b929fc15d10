import type { Task } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import type { Flow } from '../context.ts';

/** A sync as somebody asks for it. */
export interface AskedSync {
  readonly source: string;
  /** Published names; absent: all that the source takes. */
  readonly repositories?: readonly string[];
  /** Only these tags of the repositories, also where their content was given up. */
  readonly tags?: readonly string[];
  readonly dryRun?: boolean;
}

/**
 * The parameters of its task. Tags that are named are looked for at the source under its own names, so their repositories
 * must be known.
 * @throws Fault REQUEST_UNPROCESSABLE
 */
export async function syncParametersOf(
  { catalog }: Pick<Flow, 'catalog'>,
  { tags, ...asked }: AskedSync,
): Promise<Task['parameters']> {
  if (tags === undefined) return asked;
  const { source, repositories = [], ...rest } = asked;
  if (repositories.length === 0)
    throw new Fault('REQUEST_UNPROCESSABLE', 'tags are of repositories: name those, too');
  const items = await Promise.all(
    repositories.map(async (repository) => {
      const from = await catalog.candidates.sourceOf(repository);
      if (from?.source === source) return { sourceRepository: from.sourceRepository, tags };
      throw new Fault(
        'REQUEST_UNPROCESSABLE',
        `nothing of ${repository} has come from ${source} yet: sync the repository without tags first`,
        { repository, source },
      );
    }),
  );
  return { source, items, ...rest };
}
