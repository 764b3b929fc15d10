import { Fault } from '@gantry/oci';
import { createRateLimits, type Rate } from '@gantry/service';

/**
 * Keeps one caller from taking what all share, and those who guess from guessing. A `network` is what one client has for
 * itself, as `Origins` of @gantry/service tells it.
 */
export interface CallerLimits {
  /** One request of a caller who is known. @throws Fault TOOMANYREQUESTS */
  ofCaller(name: string): void;
  /**
   * Before credentials are looked at. Only passwords can be guessed; who sends a token is never shut out by what others send
   * from the same network.
   * @throws Fault TOOMANYREQUESTS
   */
  beforeLook(network: string, authorization: string | undefined): void;
  /** Credentials of nobody came. @throws Fault TOOMANYREQUESTS in place of the answer that they are wrong */
  ofUnknown(network: string): void;
}

/** Wrong credentials from one network. */
const UNKNOWN_RATE: Rate = { requestsPerSecond: 1, burst: 50 };
const BASIC = /^\s*basic\b/i;

/** @param rate of one caller; absent: no limit */
export function createCallerLimits(rate: Rate | undefined, now?: () => number): CallerLimits {
  const callers = rate === undefined ? undefined : createRateLimits(rate, now);
  const unknown = createRateLimits(UNKNOWN_RATE, now);
  return {
    ofCaller(name) {
      const waitMs = callers?.take(name) ?? 0;
      if (waitMs > 0)
        throw tooMany(
          `more than ${rate?.requestsPerSecond} requests a second came from ${name}: ask less often`,
          waitMs,
        );
    },
    beforeLook(network, authorization) {
      if (authorization !== undefined && BASIC.test(authorization)) refuseUnknown(unknown.delayMs(network));
    },
    ofUnknown: (network) => refuseUnknown(unknown.take(network)),
  };
}

function refuseUnknown(waitMs: number): void {
  if (waitMs > 0)
    throw tooMany('too many requests with credentials of nobody came from this address', waitMs);
}

function tooMany(message: string, waitMs: number): Fault {
  return new Fault('TOOMANYREQUESTS', message, { retryAfterSeconds: Math.ceil(waitMs / 1000) });
}
