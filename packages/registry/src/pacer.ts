import type { Clock } from './clock.ts';
import { HostPace, type Turn } from './host-pace.ts';
import type { Rate } from './token-bucket.ts';

/** Keeps each host that a client asks to the pace that it can bear. */
export interface Pacer {
  /**
   * Waits until a request to `host` (with its port) may be sent.
   * @throws the signal's reason once it is aborted
   */
  turn(host: string, signal: AbortSignal | undefined, isUrgent?: boolean): Promise<Turn>;
}

/** Redirects can name any number of hosts; those that nothing is remembered of are dropped past this one. */
const HOSTS_MAX = 1000;

/** @param rate for each host */
export function createPacer(clock: Clock, rate: Rate | undefined): Pacer {
  const hosts = new Map<string, HostPace>();
  return {
    turn(host, signal, isUrgent = false) {
      let pace = hosts.get(host);
      if (pace === undefined) {
        if (hosts.size >= HOSTS_MAX) {
          for (const [name, each] of hosts) if (each.isIdle) hosts.delete(name);
        }
        hosts.set(host, (pace = new HostPace(clock, rate)));
      }
      return pace.turn(signal, isUrgent);
    },
  };
}
