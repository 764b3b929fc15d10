import { isIPv6 } from 'node:net';
import { Fault } from '@gantry/oci';
import { createRateLimits, type Rate } from '@gantry/service';

/** Keeps one caller from taking what all share, and those who guess from guessing. */
export interface CallerLimits {
  /** One request of a caller who is known. @throws Fault TOOMANYREQUESTS */
  ofCaller(name: string): void;
  /**
   * Before credentials are looked at. Only passwords can be guessed; who sends a token is never shut out by what others send
   * from the same address, as all do behind a proxy.
   * @throws Fault TOOMANYREQUESTS
   */
  beforeLook(address: string, authorization: string | undefined): void;
  /** Credentials of nobody came. @throws Fault TOOMANYREQUESTS in place of the answer that they are wrong */
  ofUnknown(address: string): void;
}

/** Wrong credentials from one address. */
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
    beforeLook(address, authorization) {
      if (authorization !== undefined && BASIC.test(authorization))
        refuseUnknown(unknown.delayMs(network(address)));
    },
    ofUnknown: (address) => refuseUnknown(unknown.take(network(address))),
  };
}

function refuseUnknown(waitMs: number): void {
  if (waitMs > 0)
    throw tooMany('too many requests with credentials of nobody came from this address', waitMs);
}

function tooMany(message: string, waitMs: number): Fault {
  return new Fault('TOOMANYREQUESTS', message, { retryAfterSeconds: Math.ceil(waitMs / 1000) });
}

/** What one client has for itself: an IPv4 address, or the first half of an IPv6 one. */
function network(address: string): string {
  const [, mapped] = /^::ffff:([\d.]+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  return isIPv6(address) ? firstHalf(address) : address;
}

function firstHalf(address: string): string {
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? [];
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const after = tail === '' ? 0 : tail.split(':').length;
    while (groups.length < 8 - after) groups.push('0');
  }
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
