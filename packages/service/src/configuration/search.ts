import { z } from 'zod';
import { formatDuration } from './duration.ts';
import type { KeyPath, Problem } from './problems.ts';
import { isRecord } from './schema-shape.ts';
import { checked, Interval, text } from './texts.ts';
import { serviceAddressProblem } from './web-address.ts';

/** Where Solr's address takes what is looked for, at each place that it stands. */
export const SOLR_PLACE = '{0}';

const TIMEOUT = Interval.prefault('1s').describe('How long its answer is waited for');

const SearchSettings = z.strictObject({
  tags: z
    .int({ error: 'is not a whole number' })
    .min(1, { error: 'is below 1' })
    .max(20, { error: 'is above 20' })
    .default(2)
    .describe('Of so many tags of a repository, the newest, labels and annotations are read'),
  labels: z
    .array(text(256))
    .max(50, { error: 'has more than 50 entries' })
    .default([])
    .describe('Labels and annotations whose text is found too, beside the usual ones; see search.md'),
  solr: z
    .strictObject({ url: checked(solrAddressProblem), timeout: TIMEOUT })
    .optional()
    .describe('A Solr server is asked in place of an own index'),
  gsa: z
    .strictObject({ url: checked(serviceAddressProblem), timeout: TIMEOUT })
    .optional()
    .describe('A Google Search Appliance is asked in place of an own index'),
});

/** `crane.search`: whether, and by what, `/v1/search` is answered. */
export const Search = z
  .union([z.boolean(), SearchSettings], { error: 'must be true, false or a map' })
  .default(false)
  .describe('Whether /v1/search and the page find repositories by what is said of them; see search.md');

/** Who looks for repositories: an index of the crane's own, or another server. */
export type SearchConfiguration =
  | { readonly tags: number; readonly labels: readonly string[] }
  | { readonly solr: SearchServer }
  | { readonly gsa: SearchServer };

/** A server that is asked, with the milliseconds that its answer is waited for. */
export interface SearchServer {
  readonly url: string;
  readonly timeoutMs: number;
}

/** undefined: nothing is looked for. */
export function completeSearch(search: z.output<typeof Search>): SearchConfiguration | undefined {
  if (search === false) return undefined;
  const { tags, labels, solr, gsa } = search === true ? SearchSettings.parse({}) : search;
  if (solr !== undefined) return { solr: { url: solr.url, timeoutMs: solr.timeout } };
  if (gsa !== undefined) return { gsa: { url: gsa.url, timeoutMs: gsa.timeout } };
  return { tags, labels };
}

/** As it is written in the file. */
export function showSearch(search: SearchConfiguration | undefined): unknown {
  if (search === undefined) return false;
  if ('solr' in search) return { solr: showServer(search.solr) };
  return 'gsa' in search ? { gsa: showServer(search.gsa) } : search;
}

function showServer({ url, timeoutMs }: SearchServer): Record<string, unknown> {
  return { url, timeout: formatDuration(timeoutMs) };
}

/** Keys of an own index beside a server that is asked in its place, and two such servers. */
export function searchProblems(search: unknown, path: KeyPath): Problem[] {
  if (!isRecord(search)) return [];
  const written = Object.keys(search).filter((key) => search[key] !== undefined);
  const server = ['solr', 'gsa'].find((key) => written.includes(key));
  const other = written.find((key) => key !== server && ['solr', 'gsa', 'tags', 'labels'].includes(key));
  if (server === undefined || other === undefined) return [];
  const message = `has ${server} and ${other}: leave one, as ${server} is asked in place of all others`;
  return [{ path, message }];
}

/** What is wrong with the address of a Solr server; undefined: nothing. */
export function solrAddressProblem(template: string): string | undefined {
  const wrong = serviceAddressProblem(template.replaceAll(SOLR_PLACE, 'x'));
  if (wrong !== undefined) return wrong;
  if (template.includes(SOLR_PLACE)) return undefined;
  return `has no ${SOLR_PLACE}, in whose place what is looked for is put: write for instance https://solr.example.org/select?q=${SOLR_PLACE}&wt=json`;
}
