import { z } from 'zod';
import { READ } from '../access.ts';
import { cursorsOf } from '../cursor.ts';
import { PAGING } from '../paging.ts';
import { route } from '../route.ts';
import { pageOf } from '../views/named.ts';
import { presentSource, SourceView } from '../views/source.ts';

const cursors = cursorsOf('sources', z.tuple([z.string()]));

export const SOURCE_ROUTES = [
  route({
    method: 'GET',
    path: '/api/v1/sources',
    name: 'listSources',
    summary: 'The sources that can be synced, by name',
    access: READ,
    query: z.strictObject(PAGING),
    answers: { 200: { description: 'A page of sources', view: pageOf(SourceView) } },
    async handle({ query: { limit, cursor }, api }) {
      const [after] = cursor === undefined ? [''] : cursors.decode(cursor);
      const rest = api.sources.filter(({ name }) => name > after);
      const shown = rest.toSorted((a, b) => (a.name < b.name ? -1 : 1)).slice(0, limit);
      const last = rest.length > shown.length ? shown.at(-1) : undefined;
      return {
        status: 200,
        json: {
          items: shown.map(presentSource),
          next: last === undefined ? null : cursors.encode([last.name]),
        },
      };
    },
  }),
];
