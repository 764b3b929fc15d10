import { randomUUID } from 'node:crypto';
import type { Lease, Promotion } from '@gantry/catalog';
import { forEachConcurrently } from '@gantry/oci';
import { askAgainAt, type Channel, type Flow, gatingSince, releaseLease } from '@gantry/pipeline';

const SWEEP_EVERY_MS = 5000;
/** How often a promotion that waits is looked at although nothing is known to have happened, at the most. */
const ASK_EVERY_MS = 30_000;
/** How long the first asking of gates is left to whoever began it. */
const FIRST_ASKING_MS = 5000;
const PROMOTIONS_AT_ONCE = 8;
const LEASE = 'gates';
const LEASE_TTL_MS = 15_000;

/**
 * Has the gates asked again of promotions that wait: when a time has come that a gate waits for, when the wait is over, and
 * now and then in case word of new evidence was lost. One process of all does so, by a lease that it keeps.
 * @param run takes a promotion as far as it goes
 */
export function startGateSweep(
  flow: Flow,
  channels: readonly Channel[],
  run: (promotion: string) => Promise<void>,
  onError: (error: unknown) => void,
): AsyncDisposable {
  const { leases, promotions } = flow.catalog;
  const holder = `${flow.holder} ${randomUUID()}`;
  const askedAt = new Map<string, number>();
  let lease: Lease | undefined;
  const sweep = async () => {
    const waiting = await promotions.inStates(['gating']);
    const ids = new Set(waiting.map(({ id }) => id));
    for (const id of askedAt.keys()) if (!ids.has(id)) askedAt.delete(id);
    if (waiting.length === 0) return;
    lease = await leases.acquire(LEASE, holder, LEASE_TTL_MS);
    if (lease === undefined) return;
    const now = flow.now();
    const due = waiting.filter((promotion) => isDue(promotion, channels, now, askedAt.get(promotion.id)));
    await forEachConcurrently(due, PROMOTIONS_AT_ONCE, async ({ id }) => {
      askedAt.set(id, now.getTime());
      await run(id).catch(onError);
    });
  };

  let sweeping: Promise<void> | undefined;
  const timer = setInterval(() => {
    sweeping ??= sweep()
      .catch(onError)
      .finally(() => (sweeping = undefined));
  }, SWEEP_EVERY_MS);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await sweeping;
      if (lease !== undefined) await releaseLease(flow, lease);
    },
  };
}

/** @param askedAt when its gates were asked by this sweep, in ms; absent: never */
export function isDue(
  promotion: Promotion,
  channels: readonly Channel[],
  now: Date,
  askedAt: number = 0,
): boolean {
  const since = gatingSince(promotion);
  const last = Math.max(askedAt, since.getTime());
  const ago = now.getTime() - last;
  if (ago >= ASK_EVERY_MS) return true;
  if (promotion.gates === undefined) return ago >= FIRST_ASKING_MS;
  const gates = channels.find(({ name }) => name === promotion.to)?.gates ?? [];
  const again = askAgainAt(promotion.gates, gates, since, new Date(last))?.getTime();
  return again !== undefined && again > last && again <= now.getTime();
}
