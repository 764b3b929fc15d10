import { parseRepositoryName } from '@gantry/oci';
import { acceptRetraction, findChannel } from '@gantry/pipeline';
import { z } from 'zod';
import { promoteScopes, READ } from '../access.ts';
import { RepositoryText, TagText } from '../content-names.ts';
import { cursorsOf } from '../cursor.ts';
import { IDEMPOTENCY_HEADERS, requesterOf } from '../idempotency-key.ts';
import { PAGING } from '../paging.ts';
import { WAIT_HEADERS } from '../record-answer.ts';
import { Reason } from '../requests.ts';
import { route } from '../route.ts';
import {
  ChannelRepositoryView,
  ChannelTagView,
  ChannelView,
  presentChannel,
  presentChannelTag,
} from '../views/channel.ts';
import { pageOf } from '../views/named.ts';
import { PromotionView } from '../views/promotion.ts';
import { answerAccepted } from './promotions.ts';

const ChannelName = z.strictObject({ name: z.string().max(128) });
/** How many channels the pages before it held: they stand in the order of the configuration. */
const cursors = cursorsOf('channels', z.tuple([z.int().min(1)]));

export const CHANNEL_ROUTES = [
  route({
    method: 'GET',
    path: '/api/v1/channels',
    name: 'listChannels',
    summary: 'The channels, as they are configured',
    access: READ,
    query: z.strictObject(PAGING),
    answers: { 200: { description: 'A page of channels', view: pageOf(ChannelView) } },
    async handle({ query: { limit, cursor }, api: { channels } }) {
      const [from] = cursor === undefined ? [0] : cursors.decode(cursor);
      const end = from + limit;
      const items = channels.slice(from, end).map(presentChannel);
      return { status: 200, json: { items, next: end < channels.length ? cursors.encode([end]) : null } };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/channels/{name}/repositories',
    name: 'listChannelRepositories',
    summary: 'The repositories that have a tag in a channel, by name',
    access: READ,
    params: ChannelName,
    query: z.strictObject(PAGING),
    answers: { 200: { description: 'A page of repositories', view: pageOf(ChannelRepositoryView) } },
    faults: ['CHANNEL_UNKNOWN'],
    async handle({ params, query, api }) {
      const { name } = findChannel(params.name, api.channels);
      const { items, next } = await api.flow.catalog.channels.repositories(name, query);
      return { status: 200, json: { items: items.map((repository) => ({ repository })), next } };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/channels/{name}/tags',
    name: 'listChannelTags',
    summary: 'The tags of a repository in a channel, by name',
    access: READ,
    params: ChannelName,
    query: z.strictObject({
      repository: RepositoryText.describe('The published name, without the prefix'),
      ...PAGING,
    }),
    answers: { 200: { description: 'A page of tags', view: pageOf(ChannelTagView) } },
    faults: ['CHANNEL_UNKNOWN', 'NAME_INVALID'],
    async handle({ params, query: { repository, ...page }, api }) {
      const { name } = findChannel(params.name, api.channels);
      const list = api.flow.catalog.channels;
      const { items, next } = await list.listTags(name, parseRepositoryName(repository), page);
      return { status: 200, json: { items: items.map(presentChannelTag), next } };
    },
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/channels/{name}/tags',
    name: 'retractTags',
    summary:
      'Takes a tag, or all tags of a repository, out of this one channel, as a promotion and a new serial',
    access: {
      shown: 'promote:<name>',
      kinds: ['promote'],
      scopes: ({ params, api }) => promoteScopes(params.name, api.channels),
    },
    params: ChannelName,
    query: z.strictObject({
      repository: RepositoryText.describe('The published name, without the prefix'),
      tag: TagText.exactOptional().describe('Absent: all that the repository has in the channel'),
      reason: Reason.exactOptional(),
    }),
    headers: { ...IDEMPOTENCY_HEADERS, ...WAIT_HEADERS },
    answers: {
      202: { description: 'The promotion', view: PromotionView, headers: { Location: 'The promotion' } },
    },
    faults: [
      'CHANNEL_UNKNOWN',
      'NAME_INVALID',
      'NAME_UNKNOWN',
      'TAG_INVALID',
      'REFERENCE_UNKNOWN',
      'CONFLICT',
      'IDEMPOTENCY_KEY_REUSED',
    ],
    target: ({ params, query: { repository, tag } }) =>
      `${params.name} ${repository}${tag === undefined ? '' : `:${tag}`}`,
    async handle(call) {
      const { flow, channels } = call.api;
      const request = { channel: call.params.name, ...call.query };
      const { promotion } = await acceptRetraction(flow, channels, request, requesterOf(call));
      return answerAccepted(call.api, promotion, call);
    },
  }),
];
