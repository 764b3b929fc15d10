import type { MirrorState } from '@gantry/catalog';
import type { FollowedMirror, MirrorLag, SerialAtMirror } from '@gantry/pipeline';
import { z } from 'zod';
import { named, Time, type View } from './named.ts';
import { ProblemView } from './problem.ts';

export const MirrorView = named(
  'Mirror',
  'A mirror of the main tree, as it was found when it was last looked at.',
  z.strictObject({
    name: z.string(),
    url: z.string(),
    serial: z.int().nullable().describe('What it serves; null: nothing that could be read'),
    confirmed: z
      .int()
      .nullable()
      .describe('The highest serial that it was found to have, by what was pulled through it'),
    lag: z
      .strictObject({
        serials: z.int().nullable(),
        seconds: z.int().nullable().describe('For how long it has lacked the first serial that it lacks'),
      })
      .nullable()
      .describe('How far `confirmed` is behind what is published; null: nothing is published'),
    publishedAt: Time.nullable().describe('Of the serial that it serves'),
    expiresAt: Time.nullable(),
    latencyMs: z.int().nullable().describe('Until its pointer had come'),
    rightTypes: z
      .boolean()
      .nullable()
      .describe('Manifests come with their Content-Type; null: none were pulled'),
    problem: ProblemView.nullable(),
    lookedAt: Time.nullable().describe('null: not yet'),
    since: Time.nullable().describe('Since when it has had this serial, or this problem'),
  }),
);

export function presentMirror(
  { name, url }: FollowedMirror,
  state: MirrorState | undefined,
  lag: MirrorLag | undefined,
): View<typeof MirrorView> {
  return {
    name,
    url,
    serial: state?.serial ?? null,
    confirmed: state?.confirmed ?? null,
    lag: lag ?? null,
    publishedAt: state?.publishedAt ?? null,
    expiresAt: state?.expiresAt ?? null,
    latencyMs: state?.latencyMs ?? null,
    rightTypes: state?.rightTypes ?? null,
    problem: state?.problem ?? null,
    lookedAt: state?.lookedAt ?? null,
    since: state?.since ?? null,
  };
}

export const SerialAtMirrorView = named(
  'SerialAtMirror',
  'How a mirror stands to a serial.',
  z.strictObject({
    mirror: z.string(),
    state: z
      .enum(['confirmed', 'late', 'failed', 'waiting'])
      .describe(
        'confirmed: it has that serial, and what was pulled through it was right; late: not for longer than `tree.confirm.lateAfter`; failed: it says that it has, and does not serve it rightly',
      ),
    served: z.int().nullable().describe('The serial that it was seen at; null: none'),
    sampled: z.int().describe('Objects of the serial that were pulled through it'),
    problem: ProblemView.nullable(),
    at: Time.nullable().describe('When this was found out'),
  }),
);

export function presentSerialAtMirror(found: SerialAtMirror): View<typeof SerialAtMirrorView> {
  const { mirror, state, served, sampled, problem, at } = found;
  return { mirror, state, served: served ?? null, sampled, problem: problem ?? null, at: at ?? null };
}
