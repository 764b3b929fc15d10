import type { TokenRecord } from '@gantry/catalog';
import type { Identity } from '@gantry/service';
import { z } from 'zod';
import { named, Time, type View } from './named.ts';

const IDENTITY = { name: z.string(), scopes: z.array(z.string()), groups: z.array(z.string()) };

export const IdentityView = named(
  'Identity',
  'Who asks, and what that one may do.',
  z.strictObject(IDENTITY),
);

const TOKEN = {
  id: z.string().describe('Stands in the token; no secret'),
  ...IDENTITY,
  createdBy: z.string(),
  createdAt: Time,
  expiresAt: Time.nullable().describe('null: it does not expire'),
  revoked: z.strictObject({ by: z.string(), at: Time }).nullable().describe('null: it was not'),
};

export const TokenView = named('Token', 'A token that was made, without its secret.', z.strictObject(TOKEN));

export const MadeTokenView = named(
  'MadeToken',
  'A token with its secret, which is shown this once.',
  z.strictObject({ ...TOKEN, token: z.string().describe('For `Authorization: Bearer`') }),
);

export function presentIdentity({ name, scopes, groups }: Identity): View<typeof IdentityView> {
  return { name, scopes, groups };
}

export function presentToken(record: TokenRecord): View<typeof TokenView> {
  const { id, name, scopes, groups, createdBy, createdAt, expiresAt = null, revoked = null } = record;
  return { id, name, scopes, groups, createdBy, createdAt, expiresAt, revoked };
}
