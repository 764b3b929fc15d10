import type { TokenRecord } from '@gantry/catalog';
import { Fault, quote } from '@gantry/oci';
import { isTokenId, makeToken, ownNameProblem, type Scope, scopeTarget } from '@gantry/service';
import { z } from 'zod';
import { ADMIN, ANYBODY } from '../access.ts';
import type { Api } from '../api-options.ts';
import { PAGING } from '../paging.ts';
import { TokenRequest } from '../requests.ts';
import { route } from '../route.ts';
import { pageOf } from '../views/named.ts';
import { IdentityView, MadeTokenView, presentIdentity, presentToken, TokenView } from '../views/token.ts';

/** Characters of scopes, and of groups, in the audit log. */
const SHOWN_MAX = 150;

export const TOKEN_ROUTES = [
  route({
    method: 'GET',
    path: '/api/v1/whoami',
    name: 'whoAmI',
    summary: 'Who asks, and what that one may do',
    access: ANYBODY,
    answers: { 200: { description: 'The caller', view: IdentityView } },
    handle: async ({ caller }) => ({ status: 200, json: presentIdentity(caller) }),
  }),
  route({
    method: 'GET',
    path: '/api/v1/tokens',
    name: 'listTokens',
    summary: 'The tokens that were made, newest first, with those that were revoked',
    access: ADMIN,
    query: z.strictObject(PAGING),
    answers: { 200: { description: 'A page of tokens', view: pageOf(TokenView) } },
    async handle({ query, api }) {
      const { items, next } = await api.flow.catalog.tokens.list(query);
      return { status: 200, json: { items: items.map(presentToken), next } };
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/tokens',
    name: 'createToken',
    summary: 'Makes a token',
    access: ADMIN,
    body: TokenRequest,
    answers: { 201: { description: 'The token, whose text is shown this once', view: MadeTokenView } },
    faults: ['CONFLICT', 'REQUEST_UNPROCESSABLE'],
    target: ({ body }) => madeTarget(body),
    async handle({ body, caller, api }) {
      const { name, scopes, groups = [], expiresAt } = body;
      const now = api.flow.now();
      checkName(name, api);
      checkChannels(scopes, api);
      if (expiresAt !== undefined && Date.parse(expiresAt) <= now.getTime()) {
        throw unprocessable('expiresAt', `expiresAt: ${expiresAt} is over: it is ${now.toISOString()} here`);
      }
      const { id, token, hash } = makeToken();
      const record: TokenRecord = {
        id,
        name,
        hash,
        scopes: [...new Set(scopes)],
        groups: [...new Set(groups)],
        createdBy: caller.name,
        createdAt: now.toISOString(),
        ...(expiresAt !== undefined && { expiresAt }),
      };
      await api.flow.catalog.tokens.create(record);
      return { status: 201, json: { ...presentToken(record), token } };
    },
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/tokens/{id}',
    name: 'revokeToken',
    summary: 'Revokes a token, by its id or its name: the next request with it is refused',
    access: ADMIN,
    params: z.strictObject({ id: z.string().max(200) }),
    answers: { 200: { description: 'The token, revoked', view: TokenView } },
    faults: ['TOKEN_UNKNOWN', 'REQUEST_UNPROCESSABLE'],
    async handle({ params: { id: idOrName }, caller, api }) {
      const { tokens } = api.flow.catalog;
      const id = isTokenId(idOrName) ? idOrName : (await tokens.byName(idOrName))?.id;
      const revoked =
        id === undefined ? undefined : await tokens.revoke(id, caller.name, api.flow.now().toISOString());
      if (revoked !== undefined) return { status: 200, json: presentToken(revoked) };
      if (api.configuredTokens.includes(idOrName)) {
        throw unprocessable('id', `the token ${idOrName} is the configuration's: take it out there`);
      }
      throw new Fault('TOKEN_UNKNOWN', `there is no token ${quote(idOrName)} in force`, { token: idOrName });
    },
  }),
];

/** What may be done by a token that is made, as far as there is room: `admin` first, as it allows all. */
function madeTarget({ name, scopes, groups = [] }: z.output<typeof TokenRequest>): string {
  const byWeight = [...new Set(scopes)].toSorted((a, b) => Number(b === 'admin') - Number(a === 'admin'));
  const inGroups = groups.length === 0 ? '' : `, in ${someOf([...new Set(groups)])}`;
  return `${name} with ${someOf(byWeight)}${inGroups}`;
}

function someOf(words: readonly string[]): string {
  let shown = '';
  for (const [index, word] of words.entries()) {
    const next = shown === '' ? word.slice(0, SHOWN_MAX) : `${shown} ${word}`;
    if (next.length > SHOWN_MAX) return `${shown} and ${words.length - index} more`;
    shown = next;
  }
  return shown;
}

/** One name is one caller, and in a path a name is not taken for an id. */
function checkName(name: string, { configuredTokens }: Api): void {
  if (configuredTokens.includes(name)) {
    throw unprocessable('name', `the name ${name} is that of a token of the configuration: choose another`);
  }
  const problem = ownNameProblem(name);
  if (problem !== undefined) throw unprocessable('name', `the name ${name} ${problem}`);
  if (isTokenId(name)) {
    throw unprocessable('name', `the name ${name} looks like a token's id: choose another`);
  }
}

function checkChannels(scopes: readonly Scope[], { channels }: Api): void {
  const names = channels.map(({ name }) => name);
  for (const scope of scopes) {
    const target = scopeTarget(scope);
    if (target?.kind !== 'channel' || names.includes(target.name)) continue;
    const there = names.length === 0 ? 'there is none' : `there are ${names.join(', ')}`;
    throw unprocessable('scopes', `the scope ${scope} names no channel: ${there}`);
  }
}

function unprocessable(at: string, message: string): Fault {
  return new Fault('REQUEST_UNPROCESSABLE', message, { at });
}
