import type { SearchConfiguration, TreePlace } from '@gantry/service';
import type { TreeView } from '@gantry/tree';
import type { CraneLogger } from '../options.ts';
import { createSearch, type Search } from './search.ts';
import { startTreeSearch } from './tree-search.ts';

/** What a search needs of the crane. */
export interface SearchSurroundings {
  readonly place: TreePlace;
  /** The serial that is served. */
  readonly view: () => TreeView | undefined;
  readonly logger: CraneLogger;
  /** Ends what the search runs. */
  readonly resources: AsyncDisposableStack;
}

/** A search that may want to know of each serial. */
export interface OpenSearch extends Search {
  follow(view: TreeView): void;
}

/** The search that is configured. */
export function openSearch(
  configuration: SearchConfiguration,
  { place, view, logger, resources }: SearchSurroundings,
): OpenSearch {
  const isPublished = async (name: string) => (await view()?.repositoryDigest(name)) !== undefined;
  if ('solr' in configuration || 'gsa' in configuration) throw new Error('not yet');
  const backend = resources.use(startTreeSearch({ place, ...configuration }, logger));
  return { ...createSearch(backend, isPublished), follow: (next) => backend.follow(next) };
}
