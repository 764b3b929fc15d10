import { Fault } from '@gantry/oci';
import { MAIN_TREE, mirrorLags, serialAtMirrors, type SerialAtMirror } from '@gantry/pipeline';
import { z } from 'zod';
import { READ } from '../access.ts';
import { PAGING } from '../paging.ts';
import { route } from '../route.ts';
import { sortedPages } from '../sorted-page.ts';
import { MirrorView, presentMirror, presentSerialAtMirror, SerialAtMirrorView } from '../views/mirror.ts';
import { pageOf } from '../views/named.ts';
import { SerialParameter } from './publications.ts';

const mirrorPage = sortedPages<{ readonly name: string; readonly url: string }>('mirrors', ({ name }) => [
  name,
]);
const serialPage = sortedPages<SerialAtMirror>('serialAtMirrors', ({ mirror }) => [mirror]);

export const MIRROR_ROUTES = [
  route({
    method: 'GET',
    path: '/api/v1/mirrors',
    name: 'listMirrors',
    summary: 'The mirrors of the main tree: what each serves, and how far it is behind',
    access: READ,
    query: z.strictObject(PAGING),
    answers: { 200: { description: 'A page of mirrors, by name', view: pageOf(MirrorView) } },
    async handle({ query, api: { flow, mirrors = [] } }) {
      const { catalog } = flow;
      const states = new Map(
        (await catalog.confirmations.mirrors(MAIN_TREE)).map((one) => [one.mirror, one]),
      );
      const { items, next } = mirrorPage(mirrors, query);
      const known = items.map(({ name, url }) => {
        const state = states.get(name);
        return state?.url === url ? state : undefined;
      });
      const lags = await mirrorLags(catalog, MAIN_TREE, known, flow.now());
      const shown = items.map((mirror, at) => presentMirror(mirror, known[at], lags?.[at]));
      return { status: 200, json: { items: shown, next } };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/publications/{serial}/mirrors',
    name: 'listMirrorsOfPublication',
    summary: 'Which mirrors have a publication of the main tree, and which are late',
    access: READ,
    params: SerialParameter,
    query: z.strictObject(PAGING),
    answers: { 200: { description: 'A page of mirrors, by name', view: pageOf(SerialAtMirrorView) } },
    faults: ['PUBLICATION_UNKNOWN'],
    async handle({ params: { serial }, query, api: { flow, mirrors = [] } }) {
      const { catalog } = flow;
      const found = await serialAtMirrors(catalog, MAIN_TREE, mirrors, serial);
      const { items, next } = serialPage(found, query);
      if ((await catalog.publications.get(MAIN_TREE, serial)) === undefined)
        throw new Fault('PUBLICATION_UNKNOWN', `there is no publication ${serial}`, { serial });
      return { status: 200, json: { items: items.map(presentSerialAtMirror), next } };
    },
  }),
];
