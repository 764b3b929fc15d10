import type { Task } from '@gantry/catalog';
import { type Digest, isDigest } from '@gantry/oci';
import { z } from 'zod';

/** What brought a sync about, where nobody asked for it by name. */
export const SYNC_CAUSES = ['schedule', 'retry', 'notification', 'scrub'] as const;

const ADigest = z.custom<Digest>((one) => typeof one === 'string' && isDigest(one));

/** What a sync task was asked for. */
export const SyncParameters = z.object({
  source: z.string(),
  /** Published names; absent: all. */
  repositories: z.array(z.string()).exactOptional(),
  /** Only these tags, by their names at the source. */
  items: z
    .array(
      z.object({
        sourceRepository: z.string(),
        tags: z.array(z.string()),
        announced: z.array(z.object({ tag: z.string(), digest: ADigest.exactOptional() })).exactOptional(),
        digests: z.array(ADigest).exactOptional(),
      }),
    )
    .exactOptional(),
  dryRun: z.boolean().exactOptional(),
  cause: z.enum(SYNC_CAUSES).exactOptional(),
});
export type SyncParameters = z.infer<typeof SyncParameters>;

/** What a task is to sync; undefined for a task of another kind. */
export function syncOf({ kind, parameters }: Task): SyncParameters | undefined {
  return kind === 'sync' ? SyncParameters.safeParse(parameters).data : undefined;
}

/** Whether it takes all that the source's rules take. */
export function isFull({ repositories, items, dryRun }: SyncParameters): boolean {
  return repositories === undefined && items === undefined && dryRun !== true;
}
