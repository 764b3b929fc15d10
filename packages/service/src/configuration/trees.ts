import { z } from 'zod';
import { parseDuration } from './duration.ts';
import { Confirm } from './confirm.ts';
import { EMBEDDED_PLACES, Filesystem, S3 } from './engines.ts';
import { Signing } from './keys.ts';
import { LAYOUT_KEYS } from './layouts.ts';
import { Duration, FilePath, Interval, Listen } from './texts.ts';

/** The name by which everything calls the tree that `tree` describes. */
export const MAIN_TREE = 'main';

/** What any tree has, wherever it lies. */
const TREE = {
  s3: S3,
  keepUntagged: Duration.prefault('30d').describe(
    'How long what no tag reaches any more stays in the tree: at least its grace',
  ),
  grace: Duration.prefault('7d').describe(
    'How long what no retained snapshot reaches any more stays in the tree: longer than the slowest mirror and pull take',
  ),
  keepSnapshots: z.int().min(1).default(50).describe('So many of the newest serials are retained'),
  keepSnapshotsFor: Duration.prefault('30d').describe('Serials younger than this are retained, too'),
  refresh: Interval.refine((ms) => ms < parseDuration('7d'), {
    error: 'is too long: a statement expires after 7d, so it must be reissued before',
  })
    .prefault('1d')
    .describe('A serial is reissued at least this often'),
  ...LAYOUT_KEYS,
  signing: Signing.optional().describe('Keys that sign every serial; absent: none does; see security.md'),
  listen: Listen.optional().describe('The built-in static server of the tree; absent: none'),
};

export const Tree = z.strictObject({
  filesystem: Filesystem(EMBEDDED_PLACES.tree),
  ...TREE,
  confirm: Confirm.describe('How it is found out whether the mirrors have what was published'),
});

/** A tree beside the main one. Where its folder lies unless it is said depends on its name. */
export const FurtherTree = z.strictObject({
  filesystem: z
    .strictObject({ root: FilePath.optional().describe('Absent: ./data/trees/NAME') })
    .optional()
    .describe('A folder; this is the default engine'),
  ...TREE,
});
export type FurtherTree = z.output<typeof FurtherTree>;
