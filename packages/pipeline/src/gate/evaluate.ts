import type { Requirement, Verdict, Waiver } from '@gantry/catalog';
import { asFault, Fault, forEachConcurrently } from '@gantry/oci';
import type { Channel, Flow } from '../context.ts';
import { isRequester } from './approvals.ts';
import type { Gate, GateSubject } from './gate.ts';
import { EVALUATED } from './requirement-names.ts';
import { applyWaivers, verdictState } from './verdict.ts';

const SUBJECTS_AT_ONCE = 8;
/** How long one gate may take for one image, in ms. */
const GATE_TIMEOUT_MS = 30_000;

export interface GatingOptions {
  /** When the gates were asked first: a gate waits for what is missing from then on. */
  readonly since: Date;
  /** Ends the asking; absent: nobody does. */
  readonly signal?: AbortSignal;
  /** For tests. */
  readonly gateTimeoutMs?: number;
}

/**
 * Asks a channel's gates of each image, one after the other; all of them, also after one has refused, so that a person
 * sees every reason at once. A gate that fails, or does not answer in time, has not let anything pass.
 * @returns the verdicts, those of one image in the order of the gates; none for a channel without gates
 * @throws Fault of the catalog when the waivers can't be read; the signal's reason once it is aborted
 */
export async function evaluateGates(
  flow: Flow,
  channel: Pick<Channel, 'name' | 'gates'>,
  subjects: readonly GateSubject[],
  options: GatingOptions,
): Promise<readonly Verdict[]> {
  const gates = channel.gates ?? [];
  if (gates.length === 0) return [];
  const verdicts = new Map<GateSubject, readonly Verdict[]>();
  await forEachConcurrently(subjects, SUBJECTS_AT_ONCE, async (subject) => {
    verdicts.set(subject, await evaluateSubject(flow, gates, subject, options));
  });
  return subjects.flatMap((subject) => verdicts.get(subject) ?? []);
}

async function evaluateSubject(
  flow: Flow,
  gates: readonly Gate[],
  subject: GateSubject,
  options: GatingOptions,
): Promise<readonly Verdict[]> {
  const found: { gate: Gate; requirements: readonly Requirement[] }[] = [];
  for (const gate of gates) found.push({ gate, requirements: await askGate(flow, gate, subject, options) });
  const now = flow.now();
  const at = now.toISOString();
  const { channel, repository, digest } = subject;
  const waivers = await flow.catalog.waivers.inForce(channel, digest, at);
  return found.map(({ gate, requirements: asFound }) => {
    const counting = waivers.filter((waiver) => waiverCounts(waiver, gate, subject));
    const requirements = applyWaivers(gate.name, asFound, counting);
    const mayWait = now.getTime() < options.since.getTime() + gate.waitMs;
    const state = verdictState(requirements, mayWait);
    return { gate: gate.name, kind: gate.kind, repository, digest, state, requirements, at };
  });
}

/**
 * Who asked for a promotion can not approve it, so neither waive that somebody else must; nor can who is none of those that
 * a gate names.
 */
function waiverCounts(
  { author: by, authorGroups: groups = [] }: Waiver,
  { kind, waivers }: Gate,
  { requestedBy }: GateSubject,
): boolean {
  if (kind === 'approvals' && isRequester(by, requestedBy)) return false;
  return waivers?.counts({ by, groups }) ?? true;
}

/** What a gate asks for, or that it could not say so. */
async function askGate(
  flow: Flow,
  gate: Gate,
  subject: GateSubject,
  { signal, gateTimeoutMs = GATE_TIMEOUT_MS }: GatingOptions,
): Promise<readonly Requirement[]> {
  signal?.throwIfAborted();
  const ending = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = (reason: unknown) => {
    reject(reason);
    ending.abort(reason);
  };
  const stop = () => end(signal?.reason);
  const late = new Fault('UNAVAILABLE', `it has not answered within ${gateTimeoutMs / 1000} s`);
  const timer = setTimeout(end, gateTimeoutMs, late);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([gate.evaluate(subject, { flow, signal: ending.signal }), ended]);
  } catch (error) {
    signal?.throwIfAborted();
    const fault = asFault(ending.signal.aborted ? late : error);
    const { repository, digest, channel } = subject;
    flow.log.warn({ err: fault, gate: gate.name, channel, repository, digest }, 'gate.not_evaluated');
    return [notEvaluated(fault)];
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

/** A gate that could not be asked asks for that: it is the one requirement. */
function notEvaluated(fault: Fault): Requirement {
  return {
    name: EVALUATED,
    satisfied: false,
    type: 'not-evaluated',
    detail: `the gate could not be evaluated: ${fault.message}`,
    ...(fault.retry ? { pending: true } : {}),
    evidence: { problem: fault.code },
  };
}
