import type { VerifyProgress } from '@gantry/tree';
import { formatBytes, plural } from '../output/text.ts';
import type { ProgressReport } from '../output/progress.ts';

const DOING = {
  pointer: 'asking for the pointer',
  against: 'comparing',
  lists: 'reading lists',
  documents: 'reading documents',
  files: 'looking at files',
} as const;

/** Before that an estimate would jump about. */
const ESTIMATE_AFTER_MS = 2000;

/** Makes lines of how far a verification has come, with the time that is left. */
export function verifyReporter(
  name: string,
  against: string | undefined,
  deep: boolean,
  now: () => number = () => performance.now(),
): (progress: VerifyProgress) => ProgressReport {
  let from: { readonly phase: string; readonly at: number; readonly share: number } | undefined;
  return ({ phase, objects, bytes, expected, expectedBytes, isEqual }) => {
    const byBytes = deep && expectedBytes > 0;
    const share = byBytes ? bytes / expectedBytes : expected > 0 ? objects / expected : undefined;
    if (from?.phase !== phase) from = { phase, at: now(), share: share ?? 0 };
    const [elapsed, done] = [now() - from.at, (share ?? 0) - from.share];
    const leftMs =
      elapsed > ESTIMATE_AFTER_MS && done > 0 ? (elapsed / done) * (1 - (share ?? 0)) : undefined;
    const read = byBytes
      ? `${formatBytes(bytes)} of ${formatBytes(expectedBytes)}`
      : `${formatBytes(bytes)} read`;
    const compared =
      isEqual === undefined
        ? ''
        : `the root ${isEqual ? 'is' : 'is not'} that of ${against ?? 'the other'}; `;
    const left = leftMs === undefined ? '' : `, ${formatLeft(leftMs)} left`;
    return {
      state: isEqual === undefined ? 'running' : 'compared',
      text: `verify ${name}: ${compared}${DOING[phase]}: ${objects} of ${plural(expected, 'object')}, ${read}${left}`,
      ...(share !== undefined && { share }),
      bytes,
    };
  };
}

/** `12 s`, `3 min`, `2 h` */
function formatLeft(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
