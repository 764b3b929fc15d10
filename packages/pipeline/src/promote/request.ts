import {
  type Digest,
  digestOf,
  Fault,
  isDigest,
  parseRepositoryName,
  parseTag,
  parseTagOrDigest,
} from '@gantry/oci';
import type { Channel } from '../context.ts';

/** What a caller asks to be promoted; the body of `POST /api/v1/promotions`, unless it is a PlanRequest. */
export interface PromotionRequest {
  readonly items: readonly RequestedItem[];
  /** The channel's name. */
  readonly to: string;
  /** One refused item refuses all. */
  readonly atomic?: boolean;
  readonly reason?: string;
}

/** A plan that is to be applied, just as it is. */
export interface PlanRequest {
  /** Its id. */
  readonly plan: string;
  /** The channel that the plan is for. */
  readonly to: string;
  readonly reason?: string;
}

export interface RequestedItem {
  /** The published name. */
  readonly repository: string;
  /** A tag or a digest. */
  readonly reference: string;
  /** The tags it gets; absent: the one it is asked for by. */
  readonly tags?: readonly string[];
}

/** Who asks. */
export interface Requester {
  readonly name: string;
  /** Groups that they are in; absent: none. */
  readonly groups?: readonly string[];
  /** What makes a repeat of the request the same promotion; already made unique by who asks. */
  readonly idempotencyKey?: string;
}

/**
 * Checks what can be checked without looking anything up.
 * @throws Fault NAME_INVALID, TAG_INVALID, DIGEST_INVALID, REQUEST_UNPROCESSABLE, CHANNEL_UNKNOWN; each names the item
 */
export function checkRequest(request: PromotionRequest, channels: readonly Channel[]): Channel {
  const channel = findChannel(request.to, channels);
  if (request.items.length === 0)
    throw new Fault('REQUEST_UNPROCESSABLE', 'items is empty: there is nothing to promote');
  const claimed = new Map<string, string>();
  for (const [index, item] of request.items.entries()) {
    const at = `items[${index}]`;
    const where = (error: unknown) =>
      error instanceof Fault
        ? new Fault(error.code, `${at}: ${error.message}`, { ...error.details, at })
        : error;
    try {
      parseRepositoryName(item.repository);
      parseTagOrDigest(item.reference);
      item.tags?.forEach(parseTag);
    } catch (error) {
      throw where(error);
    }
    if (tagsOf(item).length === 0) {
      throw new Fault('REQUEST_UNPROCESSABLE', `${at}: a digest is promoted under tags: say which in tags`, {
        at,
      });
    }
    for (const tag of tagsOf(item)) {
      const name = `${item.repository}:${tag}`;
      const other = claimed.get(name);
      if (other !== undefined && other !== item.reference) {
        throw new Fault(
          'REQUEST_UNPROCESSABLE',
          `${at}: ${name} is asked for twice, as ${other} and as ${item.reference}`,
          { at },
        );
      }
      claimed.set(name, item.reference);
    }
  }
  return channel;
}

/** @throws Fault CHANNEL_UNKNOWN, naming those there are */
export function findChannel(name: string, channels: readonly Channel[]): Channel {
  const channel = channels.find((one) => one.name === name);
  if (channel !== undefined) return channel;
  const names = channels.map((one) => one.name).join(', ');
  throw new Fault(
    'CHANNEL_UNKNOWN',
    `there is no channel ${JSON.stringify(name)}: ${names === '' ? 'none is configured' : `there are ${names}`}`,
    {
      channel: name,
    },
  );
}

/** The tags an item gets. */
export function tagsOf(item: RequestedItem): readonly string[] {
  if (item.tags !== undefined && item.tags.length > 0) return [...new Set(item.tags)];
  return isDigest(item.reference) ? [] : [item.reference];
}

/** What makes two bodies the same for an Idempotency-Key. */
export function bodyDigest(request: unknown): Digest {
  return digestOf(JSON.stringify(request));
}
