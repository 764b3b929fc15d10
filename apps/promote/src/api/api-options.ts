import type { Messages } from '@gantry/messages';
import type { AuditLog, Channel, Flow, FollowedMirror, Log, PublishedTree, Room } from '@gantry/pipeline';
import type { Authenticator, Health, Metrics, Network, Origins, Rate } from '@gantry/service';
import type { ReadOnly } from '../read-only.ts';
import type { CallerLimits } from './http/limit-callers.ts';
import type { KnownSource } from './known-source.ts';
import type { LiveEvents } from './live-events.ts';
import type { TagSyncs } from './notifications/tag-syncs.ts';
import type { PullTokens } from './pull-tokens/pull-tokens.ts';

/** What the API works on. */
export interface ApiOptions {
  readonly flow: Flow;
  /** Where work for the other services is put. */
  readonly messages: Messages;
  readonly channels: readonly Channel[];
  readonly sources: readonly KnownSource[];
  /** The published trees, the main one first: their serials are compared and rolled back to. */
  readonly trees: readonly PublishedTree[];
  /** The mirrors of the main tree that are followed; absent: none. */
  readonly mirrors?: readonly FollowedMirror[];
  readonly authenticator: Authenticator;
  /** Makes tokens for private repositories; absent: none are made here. */
  readonly pullTokens?: PullTokens;
  /** Names of the configuration's tokens, which none that is made can have. */
  readonly configuredTokens: readonly string[];
  readonly health: Health;
  readonly metrics: Metrics;
  /** Whether the configuration says that changes are refused. */
  readonly isReadOnly?: boolean;
  /** How often one caller may ask; absent: as often as it likes. */
  readonly callerRate?: Rate;
  /** Proxies that are believed whom they ask for; absent: none. */
  readonly trustedProxies?: readonly Network[];
  /** Gets one line a request. */
  readonly log: Log;
  /** Aborted when the service is about to end: who waits for a promotion is answered then. */
  readonly stop?: AbortSignal;
  /** How often a stream of events says that it is still there; 15 s if absent, since proxies cut what is silent for longer. */
  readonly heartbeatMs?: number;
  /** How many streams of all events there may be at once; 100 if absent. */
  readonly liveReadersMax?: number;
}

/** The same with what the API keeps for itself while it runs. */
export interface Api extends ApiOptions {
  readonly readOnly: ReadOnly;
  readonly audit: AuditLog;
  readonly limits: CallerLimits;
  readonly origins: Origins;
  readonly tagSyncs: TagSyncs;
  readonly liveEvents: LiveEvents;
  /** Where decisions are made, of all callers. */
  readonly decisions: Room;
}
