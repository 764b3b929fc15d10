import { type Digest, isDigest } from '@gantry/oci';
import { z } from 'zod';
import { named } from '../views/named.ts';

// What a registry's webhook sends. It says more than is read here, so unknown members are let through; null stands for a
// member that is absent.

const EVENTS_MAX = 10_000;
const Text = z.string().max(4096);

const Target = z.looseObject({
  repository: Text.describe("The repository's name at the registry"),
  tag: Text.nullish().describe('Without one the event is ignored'),
  digest: Text.nullish().describe('What the tag means now'),
  url: Text.nullish(),
});
const Request = z.looseObject({ host: Text.nullish() });
const Event = z.looseObject({
  action: Text.describe('Those that are neither `push` nor `delete` are ignored'),
  target: Target,
  request: Request.nullish(),
  timestamp: Text.nullish(),
});
const Events = z.array(Event).max(EVENTS_MAX);
const Data = z.looseObject({
  events: Events.nullish(),
  ...Event.partial().shape,
  action: Event.shape.action.nullish(),
  target: Target.nullish(),
  repository: Text.nullish(),
  tag: Text.nullish(),
});

/** The envelope of a distribution registry (both versions), or a CloudEvent in structured JSON. */
export const Notification = named(
  'Notification',
  "What a registry's webhook sends: `{events: […]}` as a distribution registry does, or a CloudEvent whose `data` is that, or one of its events, or `{repository, tag, action}`.",
  z
    .looseObject({
      events: Events.exactOptional(),
      specversion: z.literal('1.0').exactOptional(),
      id: z.string().min(1).exactOptional(),
      source: z.string().min(1).exactOptional(),
      type: z.string().min(1).exactOptional(),
      data: Data.exactOptional(),
    })
    .superRefine((body, context) => {
      for (const path of missingMembers(body))
        context.addIssue({ code: 'custom', path, message: 'is missing' });
      if (body.events === undefined && body.specversion === undefined)
        context.addIssue({ code: 'custom', message: NEITHER });
    })
    .meta({
      anyOf: [{ required: ['events'] }, { required: ['specversion', 'id', 'source', 'type', 'data'] }],
    }),
);
export type Notification = z.output<typeof Notification>;

const NEITHER =
  'holds neither events, as the envelope of a distribution registry does, nor specversion, as a CloudEvent does';

/** What a CloudEvent must have and this one has not. */
function missingMembers({ events, specversion, data, ...body }: Members): string[][] {
  if (events !== undefined || specversion === undefined) return [];
  const missing: string[][] = (['id', 'source', 'type'] as const)
    .filter((member) => body[member] === undefined)
    .map((member) => [member]);
  if (data === undefined) return [...missing, ['data']];
  if (isThere(data.events)) return missing;
  if (!isThere(data.action)) missing.push(['data', 'action']);
  if (!isThere(data.target) && !isThere(data.repository)) missing.push(['data', 'repository']);
  return missing;
}

interface Members {
  readonly events?: unknown;
  readonly specversion?: unknown;
  readonly id?: unknown;
  readonly source?: unknown;
  readonly type?: unknown;
  readonly data?: z.output<typeof Data>;
}

/** Something that happened at a registry. */
export interface RegistryEvent {
  readonly action: string;
  /** The name at the registry. */
  readonly repository: string;
  readonly tag?: string;
  /** What the tag means then, if the event says it. */
  readonly digest?: Digest;
  /** Where it happened, as far as the event says: `host` or `host:port`. */
  readonly hosts: readonly string[];
  /** When, by the registry's clock, in milliseconds. */
  readonly atMs?: number;
}

/** The events of a notification, in the order in which they happened as far as they tell. */
export function readEvents({ events, data }: Notification): RegistryEvent[] {
  const given = events ?? data?.events ?? (data === undefined ? [] : [eventIn(data)]);
  return given.map(readEvent).toSorted((a, b) => (a.atMs ?? 0) - (b.atMs ?? 0));
}

function eventIn(data: z.output<typeof Data>): z.output<typeof Event> {
  const { action, target, repository, tag, request, timestamp } = data;
  return {
    action: action ?? '',
    target: target ?? { repository: repository ?? '', tag },
    request,
    timestamp,
  };
}

function readEvent({ action, target, request, timestamp }: z.output<typeof Event>): RegistryEvent {
  const at = Date.parse(timestamp ?? '');
  return {
    action,
    repository: target.repository,
    ...(isThere(target.tag) && target.tag !== '' ? { tag: target.tag } : {}),
    ...(isThere(target.digest) && isDigest(target.digest) ? { digest: target.digest } : {}),
    hosts: hostsOf(target.url ?? '', request?.host ?? ''),
    ...(Number.isNaN(at) ? {} : { atMs: at }),
  };
}

/** The hosts of an address and of a Host header, without the port that a scheme implies. */
function hostsOf(url: string, host: string): string[] {
  const given = [url, `http://${host}`, `https://${host}`].map((text) => URL.parse(text)?.host ?? '');
  return [...new Set(given)].filter((one) => one !== '');
}

function isThere<T>(value: T): value is NonNullable<T> {
  return value !== undefined && value !== null;
}
