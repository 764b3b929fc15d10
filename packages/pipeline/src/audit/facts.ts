import type { AuditFact } from '@gantry/catalog';
import { asFault, FAULTS, problemType } from '@gantry/oci';

/** Who does what, known before it is done. */
export type Act = Pick<AuditFact, 'actor' | 'via' | 'action' | 'target' | 'reason' | 'requestId'>;

/** As long as `message` and the source of one may be; the names of callers are shorter, and none is cut to be another's. */
const NAME_MAX = 'message '.length + 500;
const TARGET_MAX = 500;
const REASON_MAX = 1000;
/** What would break a line, or write over one, wherever the log is shown. */
const CONTROLS = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** What was done, and answered with a status where there was an answer. */
export function doneFact(act: Act, at: Date, status?: number): AuditFact {
  return { ...factOf(act, at), outcome: 'done', ...(status === undefined ? {} : { status }) };
}

/** What was not done: refused, for what the caller asked; or failed, for what went wrong here. */
export function notDoneFact(act: Act, at: Date, error: unknown): AuditFact {
  const { code } = asFault(error);
  const { status } = FAULTS[code];
  const isRefused = status < 500 || code === 'READ_ONLY';
  return {
    ...factOf(act, at),
    outcome: isRefused ? 'refused' : 'failed',
    status,
    problem: problemType(code),
  };
}

function factOf(act: Act, at: Date): Omit<AuditFact, 'outcome'> {
  const { actor, via, action, target, reason, requestId } = act;
  return {
    at: at.toISOString(),
    actor: plain(actor, NAME_MAX),
    via,
    action: plain(action, NAME_MAX),
    target: plain(target, TARGET_MAX),
    ...(reason === undefined ? {} : { reason: cut(reason, REASON_MAX) }),
    ...(requestId === undefined ? {} : { requestId: plain(requestId, NAME_MAX) }),
  };
}

function plain(text: string, max: number): string {
  return cut(text, max).replaceAll(CONTROLS, '\u{fffd}');
}

/** No longer than that, and in whole characters. */
function cut(text: string, max: number): string {
  return text.slice(0, max).toWellFormed();
}
