import type { PlannedItem, Result, Verdict, Waiver } from '@gantry/catalog';
import { Fault, parseRepositoryName, parseTag, parseTagOrDigest } from '@gantry/oci';
import type { Channel, Flow } from '../context.ts';
import { planItems } from '../promote/plan-items.ts';
import { findChannel, type RequestedItem } from '../promote/request.ts';
import { evaluateGates } from './evaluate.ts';
import type { GateSubject } from './gate.ts';
import { gateSubjects } from './subjects.ts';

/** What is asked: whether these images could come into a channel now. */
export interface DecisionRequest {
  readonly items: readonly RequestedItem[];
  /** The channel's name. */
  readonly to: string;
  /** Whether the evidence is asked for as well. */
  readonly verbose?: boolean;
}

/** What the gates say of some images, before anybody promotes them. */
export interface GateDecision {
  readonly channel: Channel;
  /** The images, each with what it was asked for by. */
  readonly subjects: readonly Pick<GateSubject, 'repository' | 'reference' | 'digest'>[];
  /** Those of one image in the order of the gates. */
  readonly verdicts: readonly Verdict[];
  /** What could not be asked about: nothing of that name is there, or it was purged. */
  readonly refused: readonly Required<Pick<PlannedItem, 'repository' | 'reference' | 'problem'>>[];
  /** If it was asked for. */
  readonly results: readonly Result[];
  readonly waivers: readonly Waiver[];
}

/**
 * Asks a channel's gates without promoting or storing anything. Nothing is waited for, and nobody has approved yet.
 * @throws Fault CHANNEL_UNKNOWN; NAME_INVALID, TAG_INVALID, DIGEST_INVALID, naming the item; what evaluateGates throws
 */
export async function decide(
  flow: Flow,
  channels: readonly Channel[],
  { items, to, verbose = false }: DecisionRequest,
  signal?: AbortSignal,
): Promise<GateDecision> {
  const channel = findChannel(to, channels);
  for (const [index, item] of items.entries()) checkItem(item, `items[${index}]`);
  const { tags: _, ...anyTag } = channel; // who may set which tag is no gate's question
  const planned = await planItems(flow.catalog, {
    items,
    channel: anyTag,
    atomic: false,
    requester: { name: '' },
    compares: false,
  });
  const subjects = gateSubjects(
    planned.flatMap((item) =>
      item.problem === undefined ? { ...item, tags: item.tags.map(({ tag }) => tag) } : [],
    ),
    channel,
  );
  const verdicts = await evaluateGates(flow, channel, subjects, {
    since: flow.now(),
    ...(signal === undefined ? {} : { signal }),
  });
  const digests = verbose ? [...new Set(subjects.map(({ digest }) => digest))] : [];
  const at = flow.now().toISOString();
  const { results, waivers } = flow.catalog;
  return {
    channel,
    subjects,
    verdicts,
    refused: planned.flatMap(({ repository, reference, problem }) =>
      problem === undefined ? [] : { repository, reference, problem },
    ),
    results: (await Promise.all(digests.map((digest) => results.latest(digest)))).flat(),
    waivers: (await Promise.all(digests.map((digest) => waivers.inForce(channel.name, digest, at)))).flat(),
  };
}

function checkItem({ repository, reference, tags = [] }: RequestedItem, at: string): void {
  try {
    parseRepositoryName(repository);
    parseTagOrDigest(reference);
    tags.forEach(parseTag);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault(error.code, `${at}: ${error.message}`, { ...error.details, at });
  }
}
