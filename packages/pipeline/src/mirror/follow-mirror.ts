import type { Confirmation, MirrorState, Publication } from '@gantry/catalog';
import { asFault, Fault, toProblem } from '@gantry/oci';
import { type MirrorClient, mirrorClient } from '@gantry/tree';
import { mirrorEvents } from '../events/mirror-events.ts';
import { chooseSample } from './choose-sample.ts';
import { decideConfirmations } from './decide-confirmations.ts';
import { carriedBy, type FollowedMirror, type MirrorContext } from './followed-mirror.ts';
import { pullSample } from './pull-sample.ts';
import { findPointerProblem, invalid, readPointer, type ServedPointer } from './read-pointer.ts';

/** How long a mirror may be silent, and how long a look may take as a whole. */
const SILENCE_MS = 10_000;
const LOOK_MS = 300_000;

/** What is known of a mirror before it is looked at. */
export interface KnownMirror {
  readonly mirror: FollowedMirror;
  /** As it was found the last time; undefined: it was not looked at. */
  readonly former: MirrorState | undefined;
  /** Serials that are not confirmed of it, newest first. */
  readonly waiting: readonly Publication[];
  /** What is noted of those. */
  readonly noted: ReadonlyMap<number, Confirmation['state']>;
}

/**
 * Looks at a mirror once: reads its pointer, pulls a sample of what is new there, and writes down how it was found, with the
 * events that follow. A mirror that fails is a mirror in bad health, not an error.
 * @param signal ends it
 * @returns how it was found, and what was written of serials
 * @throws Fault UNAVAILABLE and the like when the catalog or the tree itself does not answer
 */
export async function followMirror(
  context: MirrorContext,
  known: KnownMirror,
  signal: AbortSignal,
): Promise<{ state: MirrorState; confirmations: readonly Confirmation[] }> {
  const { flow, tree, rules } = context;
  const { mirror, former, waiting, noted } = known;
  const look = await lookAt(context, known, signal);
  signal.throwIfAborted();
  const now = flow.now();
  const { confirmations, told } = decideConfirmations(
    {
      tree,
      mirror: mirror.name,
      waiting,
      noted,
      sampled: look.sampled,
      ...(look.state.serial === undefined ? {} : { served: look.state.serial }),
      ...(look.state.problem === undefined ? {} : { problem: look.state.problem }),
    },
    rules.lateAfterMs,
    now,
  );
  const published = new Map(waiting.map(({ serial, publishedAt }) => [serial, publishedAt]));
  // The oldest first: a serial stands for all before it.
  for (const confirmation of confirmations.toReversed()) {
    const events = told.has(confirmation)
      ? mirrorEvents(confirmation, mirror.url, published.get(confirmation.serial) ?? confirmation.at)
      : [];
    await flow.catalog.confirmations.put(confirmation, events);
    if (told.has(confirmation)) tell(context, confirmation);
  }
  const highest = confirmations.find(({ state }) => state === 'confirmed')?.serial ?? former?.confirmed;
  const state = { ...look.state, ...(highest === undefined ? {} : { confirmed: highest }) };
  await flow.catalog.confirmations.putMirror(state);
  if (state.problem !== undefined && state.problem.type !== former?.problem?.type)
    flow.log.warn({ mirror: mirror.name, problem: state.problem.detail }, 'mirror.failed');
  return { state, confirmations };
}

function tell(
  { flow }: MirrorContext,
  { mirror, serial, state, served, sampled, problem }: Confirmation,
): void {
  const fields = { mirror, serial, served, sampled, ...(problem && { problem: problem.detail }) };
  if (state === 'confirmed') flow.log.info(fields, 'mirror.confirmed');
  else flow.log.warn(fields, 'mirror.late');
}

interface Look {
  readonly state: MirrorState;
  readonly sampled: number;
}

async function lookAt(context: MirrorContext, known: KnownMirror, signal: AbortSignal): Promise<Look> {
  const { flow, tree } = context;
  const { mirror, former } = known;
  const lookedAt = flow.now();
  const bare = { mirror: mirror.name, tree, url: mirror.url, lookedAt: lookedAt.toISOString() };
  const since = (serial: number | undefined, problem: string | undefined) =>
    former !== undefined && former.serial === serial && former.problem?.type === problem
      ? former.since
      : bare.lookedAt;
  await using client = mirrorClient(`${mirror.url}/`, {
    userAgent: 'gantry-confirm',
    timeoutMs: SILENCE_MS,
    signal: AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)]),
    ...(mirror.addressOf !== undefined && { addressOf: mirror.addressOf }),
  });
  let pointer: ServedPointer;
  try {
    pointer = await readPointer(client, mirror);
  } catch (error) {
    const problem = toProblem(mirrorFault(mirror, error));
    return { state: { ...bare, problem, since: since(undefined, problem.type) }, sampled: 0 };
  }
  const { serial, published, expires } = pointer.stated.statement;
  const why = await findPointerProblem(pointer, {
    source: context.source,
    trustedKeys: context.trustedKeys,
    now: lookedAt,
    ...(former?.confirmed === undefined ? {} : { confirmed: former.confirmed }),
  });
  const pulled = why === undefined ? await pull(context, client, pointer, known) : undefined;
  const fault = why === undefined ? pulled?.fault : invalid(mirror, why);
  const problem = fault === undefined ? undefined : toProblem(fault);
  const rightTypes = pulled?.rightTypes ?? former?.rightTypes;
  return {
    state: {
      ...bare,
      serial,
      publishedAt: new Date(published).toISOString(),
      expiresAt: new Date(expires).toISOString(),
      latencyMs: pointer.latencyMs,
      ...(rightTypes === undefined ? {} : { rightTypes }),
      ...(problem === undefined ? {} : { problem }),
      since: since(serial, problem?.type),
    },
    sampled: pulled?.sampled ?? 0,
  };
}

interface PulledSample {
  readonly sampled: number;
  readonly fault?: Fault;
  readonly rightTypes?: boolean;
}

/** Pulls what is new at the mirror, if something is. */
async function pull(
  { flow, tree, source, channels, rules }: MirrorContext,
  client: MirrorClient,
  { stated }: ServedPointer,
  { mirror, waiting, former }: KnownMirror,
): Promise<PulledSample> {
  const serials = waiting.filter(({ serial }) => serial <= stated.statement.serial);
  if (serials.length === 0 && former?.problem === undefined) return { sampled: 0 };
  const carries = carriedBy(mirror, channels);
  const objects = await chooseSample({
    catalog: flow.catalog,
    tree,
    source,
    stated,
    serials,
    count: rules.sample,
    ...(carries !== undefined && { carries }),
  });
  try {
    const { problem, rightTypes } = await pullSample(client, objects);
    return {
      sampled: objects.length,
      ...(problem === undefined
        ? {}
        : { fault: invalid(mirror, `not confirmed at serial ${stated.statement.serial}: ${problem}`) }),
      ...(rightTypes === undefined ? {} : { rightTypes }),
    };
  } catch (error) {
    return { sampled: objects.length, fault: mirrorFault(mirror, error) };
  }
}

/** What a mirror did, as a fault that names it. */
function mirrorFault(mirror: FollowedMirror, error: unknown): Fault {
  if (error instanceof Fault && error.code === 'MIRROR_INVALID')
    return 'mirror' in error.details ? error : invalid(mirror, error.message);
  const { message } = asFault(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const why = message === '' ? code : message;
  return new Fault(
    'UNAVAILABLE',
    `the mirror ${mirror.name} (${mirror.url}) does not answer: ${why}`,
    { mirror: mirror.name },
    { cause: error },
  );
}
