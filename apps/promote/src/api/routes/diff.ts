import type { Page, PageRequest } from '@gantry/catalog';
import { Fault, quote } from '@gantry/oci';
import { findChannel, findTree, MAIN_TREE } from '@gantry/pipeline';
import { z } from 'zod';
import { READ } from '../access.ts';
import type { ApiOptions } from '../api-options.ts';
import { diffChannels } from '../diff/diff-channels.ts';
import { diffSerials } from '../diff/diff-serials.ts';
import { PAGING } from '../paging.ts';
import { TreeName } from '../requests.ts';
import { route } from '../route.ts';
import { type Difference, DifferenceView } from '../views/difference.ts';
import { pageOf } from '../views/named.ts';

const SERIAL = /^\d+$/;

export const DIFF_ROUTES = [
  route({
    method: 'GET',
    path: '/api/v1/diff',
    name: 'diff',
    summary: 'The tags that differ between two channels, or between two serials',
    access: READ,
    query: z.strictObject({
      from: z.string().min(1).max(128).describe('A channel or a serial'),
      to: z.string().min(1).max(128).describe('Another of the same kind'),
      tree: TreeName.exactOptional().describe('The tree that serials are of; absent: the main one'),
      ...PAGING,
    }),
    answers: {
      200: {
        description: 'A page of tags that differ; it may hold fewer than `limit` and still have a next one',
        view: pageOf(DifferenceView),
      },
    },
    faults: [
      'CHANNEL_UNKNOWN',
      'TREE_UNKNOWN',
      'PUBLICATION_UNKNOWN',
      'CONFLICT',
      'REQUEST_UNPROCESSABLE',
      'TREE_INVALID',
    ],
    async handle({ query: { from, to, tree, ...page }, api }) {
      return {
        status: 200,
        json: await differencesOf(api, { from, to, ...(tree !== undefined && { tree }) }, page),
      };
    },
  }),
];

async function differencesOf(
  api: ApiOptions,
  { from, to, tree }: { readonly from: string; readonly to: string; readonly tree?: string },
  page: PageRequest,
): Promise<Page<Difference>> {
  const serials = [from, to].filter((side) => SERIAL.test(side));
  if (serials.length === 1) {
    throw new Fault(
      'REQUEST_UNPROCESSABLE',
      `${quote(from)} and ${quote(to)} can not be compared: give two channels, or two serials`,
      { from, to },
    );
  }
  if (serials.length === 2)
    return diffSerials(findTree(tree ?? MAIN_TREE, api.trees).target.source, Number(from), Number(to), page);
  if (tree !== undefined) {
    throw new Fault(
      'REQUEST_UNPROCESSABLE',
      `${quote(from)} and ${quote(to)} are channels, whatever tree they stand in: leave tree out`,
      { tree },
    );
  }
  const [old, now] = [findChannel(from, api.channels), findChannel(to, api.channels)];
  return diffChannels(api.flow.catalog, old.name, now.name, page);
}
