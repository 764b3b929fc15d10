import { randomUUID } from 'node:crypto';
import type { Waiver } from '@gantry/catalog';
import { type Digest, Fault, parseDigest, parseRepositoryName, parseTagOrDigest, quote } from '@gantry/oci';
import { findChannel, type Gate, reconsider, resolveItem } from '@gantry/pipeline';
import type { Identity } from '@gantry/service';
import { z } from 'zod';
import { READ } from '../access.ts';
import type { Api } from '../api-options.ts';
import { WaiverRequest } from '../gate-requests.ts';
import { DigestText } from '../content-names.ts';
import { PAGING } from '../paging.ts';
import { route } from '../route.ts';
import { pageOf } from '../views/named.ts';
import { presentWaiver, WaiverView } from '../views/waiver.ts';

const LONGEST_MS = 366 * 86_400_000;
const REQUIREMENTS_SHOWN = 20;
const SHOWN = 'approve:<channel>';

export const WAIVER_ROUTES = [
  route({
    method: 'POST',
    path: '/api/v1/waivers',
    name: 'createWaiver',
    summary: 'Lets an image pass a gate, for a time, and has the gates asked again that it is for',
    access: { shown: SHOWN, kinds: ['approve'], scopes: ({ body }) => [`approve:${body.channel}`] },
    body: WaiverRequest,
    answers: { 201: { description: 'The waiver', view: WaiverView } },
    faults: [
      'CHANNEL_UNKNOWN',
      'NAME_INVALID',
      'TAG_INVALID',
      'DIGEST_INVALID',
      'REFERENCE_UNKNOWN',
      'REQUEST_UNPROCESSABLE',
    ],
    target: ({ body }) => `${body.channel} ${body.gate} ${body.repository} ${body.reference}`,
    async handle({ body, caller, api }) {
      const { flow, messages } = api;
      const { channel, gate, requirement, reason, expiresAt } = body;
      const now = flow.now();
      checkRequirement(requirement, findGate(gate, channel, caller, api));
      checkTime(expiresAt, now);
      const waiver: Waiver = {
        id: randomUUID(),
        channel,
        digest: await digestOf(body, api),
        repository: body.repository,
        gate,
        ...(requirement === undefined ? {} : { requirement }),
        reason,
        author: caller.name,
        authorGroups: caller.groups,
        createdAt: now.toISOString(),
        expiresAt,
      };
      await flow.catalog.waivers.create(waiver);
      const { id, digest } = waiver;
      flow.log.info({ waiver: id, channel, gate, requirement, digest, by: caller.name }, 'waiver.created');
      await reconsider(flow, messages, { digest });
      return { status: 201, json: presentWaiver(waiver) };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/waivers',
    name: 'listWaivers',
    summary: 'Waivers, newest first, also those that hold no more',
    access: READ,
    query: z.strictObject({
      channel: z.string().max(128).exactOptional(),
      digest: DigestText.exactOptional().describe('The image'),
      ...PAGING,
    }),
    answers: { 200: { description: 'A page of waivers', view: pageOf(WaiverView) } },
    faults: ['DIGEST_INVALID'],
    async handle({ query: { digest, ...rest }, api }) {
      const { items, next } = await api.flow.catalog.waivers.list({
        ...rest,
        ...(digest === undefined ? {} : { digest: parseDigest(digest) }),
      });
      return { status: 200, json: { items: items.map(presentWaiver), next } };
    },
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/waivers/{id}',
    name: 'revokeWaiver',
    summary: 'Revokes a waiver: it holds no more',
    access: {
      shown: SHOWN,
      kinds: ['approve'],
      scopes: async ({ params, api }) => [`approve:${(await getWaiver(api, params.id)).channel}`],
    },
    params: z.strictObject({ id: z.string().max(200) }),
    answers: { 200: { description: 'The waiver, revoked', view: WaiverView } },
    faults: ['WAIVER_UNKNOWN'],
    async handle({ params: { id }, caller, api }) {
      const { flow, messages } = api;
      const revoked = await flow.catalog.waivers.revoke(id, caller.name, flow.now().toISOString());
      if (revoked === undefined) throw unknownWaiver(id);
      flow.log.info({ waiver: id, by: caller.name }, 'waiver.revoked');
      await reconsider(flow, messages, { digest: revoked.digest });
      return { status: 200, json: presentWaiver(revoked) };
    },
  }),
];

async function getWaiver({ flow }: Api, id: string): Promise<Waiver> {
  const waiver = await flow.catalog.waivers.get(id);
  if (waiver === undefined) throw unknownWaiver(id);
  return waiver;
}

function unknownWaiver(id: string): Fault {
  return new Fault('WAIVER_UNKNOWN', `there is no waiver ${quote(id)}`, { waiver: id });
}

/**
 * @throws Fault CHANNEL_UNKNOWN; REQUEST_UNPROCESSABLE for a gate that the channel has not; DENIED to who is none of those
 * that may waive it
 */
function findGate(gate: string, name: string, caller: Identity, { channels }: Api): Gate {
  const { gates = [] } = findChannel(name, channels);
  const found = gates.find((one) => one.name === gate);
  if (found !== undefined) {
    const { waivers } = found;
    if (waivers?.counts({ by: caller.name, groups: caller.groups }) ?? true) return found;
    throw new Fault('DENIED', `${caller.name} can not waive ${gate} of ${name}: ${waivers?.shown} may`, {
      token: caller.name,
      gate,
    });
  }
  const there = gates.length === 0 ? 'it has none' : `it has ${gates.map((one) => one.name).join(', ')}`;
  throw unprocessable('gate', `the channel ${name} has no gate ${quote(gate)}: ${there}`);
}

/** A waiver of what a gate never asks for would make up for nothing, and nobody would know. */
function checkRequirement(requirement: string | undefined, { name, requirements }: Gate): void {
  if (requirement === undefined || (requirements?.includes(requirement) ?? true)) return;
  const shown = requirements?.slice(0, REQUIREMENTS_SHOWN).map(quote).join(', ');
  const more = (requirements?.length ?? 0) - REQUIREMENTS_SHOWN;
  throw unprocessable(
    'requirement',
    `the gate ${name} has no requirement ${quote(requirement)}: it has ${shown}${more > 0 ? ` and ${more} more` : ''}`,
  );
}

function checkTime(expiresAt: string, now: Date): void {
  const leftMs = Date.parse(expiresAt) - now.getTime();
  if (leftMs <= 0)
    throw unprocessable('expiresAt', `expiresAt: ${expiresAt} is over: it is ${now.toISOString()} here`);
  if (leftMs > LONGEST_MS)
    throw unprocessable(
      'expiresAt',
      `${expiresAt} is more than a year away: waive it anew then, if it must be`,
    );
}

/** A digest is taken as it is: what it was promoted by may mean something else by now. */
async function digestOf(
  { channel: name, repository, reference }: z.output<typeof WaiverRequest>,
  { flow, channels }: Api,
): Promise<Digest> {
  parseRepositoryName(repository);
  const parsed = parseTagOrDigest(reference);
  if ('digest' in parsed) return parsed.digest;
  const channel = findChannel(name, channels);
  return (await resolveItem(flow.catalog, { repository, reference }, channel)).digest;
}

function unprocessable(at: string, message: string): Fault {
  return new Fault('REQUEST_UNPROCESSABLE', message, { at });
}
