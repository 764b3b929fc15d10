import { randomUUID } from 'node:crypto';
import type { Confirmation, Lease, MirrorState, Publication } from '@gantry/catalog';
import { asFault, Fault } from '@gantry/oci';
import {
  type FollowedMirror,
  followMirror,
  lookAfterMs,
  type MirrorContext,
  releaseLease,
} from '@gantry/pipeline';

const TICK_MS = 1000;
const LEASE_TTL_MS = 15_000;
const LEASE_RENEWED_MS = 5000;
/** So many of the newest publications are looked for at each mirror. */
const WINDOW = 100;

interface Followed {
  readonly mirror: FollowedMirror;
  state: MirrorState | undefined;
  readonly noted: Map<number, Confirmation['state']>;
  lookedAtMs: number;
  looking?: Promise<void>;
}

/**
 * Follows mirrors after each publication until they serve it, each on its own clock, so that one that hangs holds up no
 * other. One process of all does so, by a lease that it keeps.
 */
export function startMirrorFollower(
  context: MirrorContext & { readonly flow: { readonly holder: string } },
  mirrors: readonly FollowedMirror[],
): AsyncDisposable {
  const { flow, tree, rules } = context;
  const { leases, publications, confirmations } = flow.catalog;
  const holder = `${flow.holder} ${randomUUID()}`;
  const ending = new AbortController();
  let lease: Lease | undefined;
  let leasedAtMs = 0;
  let followed: Followed[] | undefined;
  let newest: readonly Publication[] = [];
  let seen = '';

  /** What is known of each mirror, from the catalog: another process may have followed it until now. */
  const recall = async (): Promise<Followed[]> => {
    const states = new Map((await confirmations.mirrors(tree)).map((state) => [state.mirror, state]));
    const known = mirrors.map((mirror): Followed => {
      const state = states.get(mirror.name);
      return {
        mirror,
        state: state?.url === mirror.url ? state : undefined,
        noted: new Map(),
        lookedAtMs: 0,
      };
    });
    for (const { serial } of newest) {
      for (const { mirror, state } of await confirmations.of(tree, serial))
        known.find((one) => one.mirror.name === mirror)?.noted.set(serial, state);
    }
    return known;
  };

  const waitingOf = ({ state }: Followed) => newest.filter(({ serial }) => serial > (state?.confirmed ?? 0));

  const look = async (one: Followed): Promise<void> => {
    const waiting = waitingOf(one);
    try {
      const { state, confirmations: made } = await followMirror(
        context,
        { mirror: one.mirror, former: one.state, waiting, noted: one.noted },
        ending.signal,
      );
      one.state = state;
      for (const { serial, state: noted } of made) one.noted.set(serial, noted);
    } catch (error) {
      // The catalog or the tree itself does not answer: that tells nothing of the mirror.
      if (!ending.signal.aborted)
        flow.log.error({ err: asFault(error), mirror: one.mirror.name }, 'mirror.not_followed');
    }
  };

  const tick = async (): Promise<void> => {
    if (performance.now() - leasedAtMs > LEASE_RENEWED_MS) {
      const had = lease;
      lease = await leases.acquire(`mirrors:${tree}`, holder, LEASE_TTL_MS);
      leasedAtMs = performance.now();
      if (lease === undefined || lease.fence !== had?.fence) followed = undefined;
    }
    if (lease === undefined) return;
    const latest = await publications.latest(tree);
    if (latest === undefined) return;
    const now = `${latest.serial} ${latest.state}`;
    if (now !== seen || followed === undefined) {
      const { items } = await publications.list(tree, { limit: WINDOW });
      newest = items.filter(({ state }) => state === 'published');
      seen = now;
    }
    followed ??= await recall();
    const nowMs = flow.now().getTime();
    for (const one of followed) {
      const oldest = waitingOf(one).at(-1);
      const waitedMs = oldest === undefined ? undefined : nowMs - Date.parse(oldest.publishedAt);
      const isDue = nowMs - one.lookedAtMs >= lookAfterMs(waitedMs, rules.everyMs);
      if (one.looking !== undefined || !isDue) continue;
      one.lookedAtMs = nowMs;
      one.looking = look(one).finally(() => delete one.looking);
    }
  };

  let ticking: Promise<void> | undefined;
  const timer = setInterval(() => {
    ticking ??= tick()
      .catch((error: unknown) => flow.log.warn({ err: asFault(error) }, 'mirrors.not_followed'))
      .finally(() => (ticking = undefined));
  }, TICK_MS);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      ending.abort(new Fault('UNAVAILABLE', 'the service stops'));
      await ticking;
      await Promise.all((followed ?? []).map(async ({ looking }) => looking));
      if (lease !== undefined) await releaseLease(flow, lease);
    },
  };
}
