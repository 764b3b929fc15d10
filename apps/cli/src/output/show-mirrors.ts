import type { Output } from '../cli.ts';
import type { SerialAtMirrorAnswer } from '../mirror-answers.ts';
import type { ProgressReport } from './progress.ts';
import { formatTime, printable } from './text.ts';

/** `mirror de1: has it since …`, a line each; what is wrong on standard error. */
export function showSerialAtMirrors(
  { stdout, stderr }: { readonly stdout: Output; readonly stderr: Output },
  mirrors: readonly SerialAtMirrorAnswer[],
): void {
  for (const { mirror, state, served, problem, at } of mirrors) {
    const since = at === null ? '' : ` since ${formatTime(at)}`;
    const seen = served === null ? '' : `, is at serial ${served}`;
    const said = {
      confirmed: `has it${since}`,
      late: `is late${seen}`,
      failed: 'does not serve it rightly',
      waiting: `has it not yet${seen}`,
    };
    stdout.write(`${printable(`mirror ${mirror}: ${said[state]}`)}\n`);
    if (problem !== null && state !== 'confirmed') stderr.write(`gantry: ${printable(problem.detail)}\n`);
  }
}

/** What progress says of mirrors that are waited for. */
export function reportSerialAtMirrors(
  serial: number,
  mirrors: readonly SerialAtMirrorAnswer[],
): ProgressReport {
  const has = mirrors.filter(({ state }) => state === 'confirmed').length;
  return {
    state: mirrors.map(({ state }) => state).join(' '),
    text: `serial ${serial}: ${has} of ${mirrors.length} mirrors have it`,
    share: mirrors.length === 0 ? 1 : has / mirrors.length,
    details: mirrors
      .filter(({ state }) => state !== 'confirmed')
      .map(({ mirror, state, served }) => `  ${mirror}: ${state}${served === null ? '' : `, at ${served}`}`),
  };
}
