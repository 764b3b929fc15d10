import type { SearchConfiguration, TreePlace } from '@gantry/service';
import type { TreeView } from '@gantry/tree';
import type { CraneLogger } from '../options.ts';
import type { RareErrors } from '../rare-errors.ts';
import type { RedirectJson } from '../redirect-json/redirect-json.ts';
import { createGsaSearch } from './gsa.ts';
import { createSearch, type IsServed, type Search } from './search.ts';
import { createSolrSearch } from './solr.ts';
import { startTreeSearch } from './tree-search.ts';

/** What a search needs of the crane. */
export interface SearchSurroundings {
  /** Absent: there is no tree, and `redirectJson` tells of all that is served. */
  readonly place?: TreePlace;
  /** The serial that is served. */
  readonly view: () => TreeView | undefined;
  /** Tells of further repositories; absent: nothing does. */
  readonly redirectJson?: Pick<RedirectJson, 'changes' | 'has' | 'isRead' | 'repositories'>;
  readonly logger: CraneLogger;
  readonly tellError: RareErrors;
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
  { place, view, redirectJson, logger, tellError, resources }: SearchSurroundings,
): OpenSearch {
  const isServed: IsServed = async (name, reader) =>
    redirectJson?.has(name, reader) === true ||
    (reader.mayRead(name) && (await view()?.repositoryDigest(name)) !== undefined);
  if (!('tags' in configuration)) {
    const backend =
      'solr' in configuration
        ? createSolrSearch(configuration.solr, tellError)
        : createGsaSearch(configuration.gsa, tellError);
    return { ...createSearch(backend, isServed), follow: () => undefined };
  }
  const further = redirectJson && {
    get changes() {
      return redirectJson.isRead ? redirectJson.changes : undefined;
    },
    names: () => redirectJson.repositories().flatMap(({ name, api }) => (api === 2 ? [name] : [])),
  };
  const options = { ...configuration, ...(place !== undefined && { place }) };
  const backend = resources.use(startTreeSearch(options, logger, further));
  return { ...createSearch(backend, isServed), follow: (next) => backend.follow(next) };
}
