import type { SearchServer } from '@gantry/service';
import type { RareErrors } from '../rare-errors.ts';
import { createServerSearch } from './ask-server.ts';
import type { FoundRepository, SearchBackend } from './backend.ts';
import { oneLine } from './label-words.ts';
import { readElements } from './xml-elements.ts';

/**
 * A Google Search Appliance (Search Protocol 3.2), whose results have two meta tags: `portal_name` and
 * `portal_short_description`. Pulp's Crane reads the same (crane/search/gsa.py).
 */
export function createGsaSearch(server: SearchServer, tellError: RareErrors): SearchBackend {
  return createServerSearch({
    server,
    tellError,
    addressOf(text) {
      const url = new URL(server.url);
      url.searchParams.set('q', text);
      return url.href;
    },
    parse: parseResults,
  });
}

function parseResults(xml: string): FoundRepository[] {
  const found: { name: string; description: string }[] = [];
  for (const { path, attributes } of readElements(xml)) {
    const place = path.slice(1).join('/');
    if (place === 'RES/R') found.push({ name: '', description: '' });
    const result = found.at(-1);
    const value = attributes.get('V');
    if (place !== 'RES/R/MT' || result === undefined || value === undefined) continue;
    if (attributes.get('N') === 'portal_name') result.name = oneLine(value);
    if (attributes.get('N') === 'portal_short_description') result.description = oneLine(value);
  }
  return found.filter(({ name }) => name !== '');
}
