import { type Promotion, PROMOTION_STATES } from '@gantry/catalog';
import type { SerialAtMirror } from '@gantry/pipeline';
import { z } from 'zod';
import { presentSerialAtMirror, SerialAtMirrorView } from './mirror.ts';
import { named, Time, type View } from './named.ts';
import { ProblemView } from './problem.ts';
import { VerdictView } from './verdict.ts';

export const PromotionView = named(
  'Promotion',
  'A decision to change channels, and how far it has come.',
  z.strictObject({
    id: z.string(),
    kind: z.enum(['promote', 'rollback', 'retract', 'purge']),
    state: z
      .enum(PROMOTION_STATES)
      .describe('done, partial, failed, refused and cancelled are not left any more'),
    to: z.string().describe('The channel; `*` for a rollback or purge of all channels'),
    tree: z.string().exactOptional().describe('The tree that `serial` is of; absent: the main one'),
    atomic: z.boolean(),
    items: z.array(
      z.strictObject({
        repository: z.string(),
        channel: z.string(),
        reference: z.string().describe('As it was asked for'),
        digest: z
          .string()
          .nullable()
          .describe(
            'What the reference meant when the promotion was accepted; null: refused, or tags that go',
          ),
        tags: z.array(z.string()),
        state: z.enum(['accepted', 'refused', 'done', 'failed']),
        problem: ProblemView.exactOptional(),
      }),
    ),
    plan: z.string().nullable().describe('The plan that it applies'),
    gates: z.array(VerdictView).describe('What the gates said when they were asked last; empty: none were'),
    approvals: z.array(
      z.strictObject({
        by: z.string(),
        groups: z.array(z.string()),
        at: Time,
        comment: z.string().exactOptional(),
      }),
    ),
    serial: z.int().nullable().describe('The publication that it appeared in'),
    error: ProblemView.nullable(),
    reason: z.string().nullable(),
    requestedBy: z.string().describe("The token's name, or what sent the message"),
    timeline: z.array(
      z.strictObject({ at: Time, state: z.enum(PROMOTION_STATES), note: z.string().exactOptional() }),
    ),
    mirrors: z
      .array(SerialAtMirrorView)
      .exactOptional()
      .describe(
        'Of one that is asked for by its id: which mirrors have its serial. They stand in its timeline, too',
      ),
    createdAt: Time,
    startedAt: Time.nullable(),
    endedAt: Time.nullable(),
  }),
);

/** A promotion as it is shown: what only the services need is left out. */
export function presentPromotion(promotion: Promotion): View<typeof PromotionView> {
  const { id, kind, state, to, atomic, requestedBy, timeline, createdAt } = promotion;
  return {
    id,
    kind,
    state,
    to,
    ...(promotion.tree !== undefined && { tree: promotion.tree }),
    atomic,
    items: promotion.items.map((item) => ({
      repository: item.repository,
      channel: item.channel,
      reference: item.reference,
      digest: item.digest,
      tags: item.tags,
      state: item.state,
      ...(item.problem === undefined ? {} : { problem: item.problem }),
    })),
    plan: promotion.plan ?? null,
    gates: promotion.gates ?? [],
    approvals: promotion.approvals ?? [],
    serial: promotion.serial ?? null,
    error: promotion.error ?? null,
    reason: promotion.reason ?? null,
    requestedBy,
    timeline,
    createdAt,
    startedAt: promotion.startedAt ?? null,
    endedAt: promotion.endedAt ?? null,
  };
}

/** A promotion with the mirrors that its serial was looked for at, which its own record knows nothing of. */
export function presentWithMirrors(
  promotion: Promotion,
  mirrors: readonly SerialAtMirror[],
): View<typeof PromotionView> {
  const shown = presentPromotion(promotion);
  if (mirrors.length === 0) return shown;
  const found = mirrors.flatMap((mirror) =>
    mirror.at === undefined
      ? []
      : [{ at: mirror.at, state: promotion.state, note: noteOf(mirror, promotion.serial) }],
  );
  return {
    ...shown,
    timeline: [...shown.timeline, ...found.toSorted((a, b) => (a.at < b.at ? -1 : 1))],
    mirrors: mirrors.map(presentSerialAtMirror),
  };
}

function noteOf({ mirror, state, problem }: SerialAtMirror, serial: number | undefined): string {
  if (state === 'confirmed') return `mirror ${mirror} has serial ${serial}`;
  const why = problem === undefined ? '' : `: ${problem.detail}`;
  return `mirror ${mirror} ${state === 'late' ? 'is late with' : 'does not serve'} serial ${serial}${why}`;
}
