import type { Waiver } from '@gantry/catalog';
import { z } from 'zod';
import { named, Time, type View } from './named.ts';

export const WaiverView = named(
  'Waiver',
  "Somebody's word that a gate need not hold for an image, for a time.",
  z.strictObject({
    id: z.string(),
    channel: z.string(),
    repository: z.string().nullable().describe('As it was asked for; it holds for the digest'),
    digest: z.string(),
    gate: z.string(),
    requirement: z.string().nullable().describe('null: all that the gate asks for'),
    reason: z.string(),
    author: z.string(),
    createdAt: Time,
    expiresAt: Time,
    revoked: z.strictObject({ by: z.string(), at: Time }).nullable(),
  }),
);

export function presentWaiver(waiver: Waiver): View<typeof WaiverView> {
  const { id, channel, digest, gate, reason, author, createdAt, expiresAt } = waiver;
  return {
    id,
    channel,
    repository: waiver.repository ?? null,
    digest,
    gate,
    requirement: waiver.requirement ?? null,
    reason,
    author,
    createdAt,
    expiresAt,
    revoked: waiver.revoked ?? null,
  };
}
