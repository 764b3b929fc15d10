import type { Mirror, MirrorState } from '../choose/mirror.ts';
import type { MirrorProber, WantedObject } from './mirror-prober.ts';
import { type MirrorReport, stateFrom } from './mirror-report.ts';

/** Mirrors that another process probes. */
export interface ToldMirrors extends MirrorProber {
  /** What it has found out of some. */
  take(reports: readonly MirrorReport[]): void;
}

/** Clients that come back from one mirror are told of no oftener than this: how soon it is probed is for the prober to say. */
const SUSPECT_EVERY_MS = 100;

/** @param onSuspect told of a mirror that a client came back from */
export function createToldMirrors(
  mirrors: readonly Mirror[],
  reports: readonly MirrorReport[],
  onSuspect: (name: string, object: WantedObject) => void,
): ToldMirrors {
  let present = mirrors;
  const told = new Map(reports.map((report) => [report.name, report]));
  let states: readonly MirrorState[] = [];
  const suspectedAt = new Map<string, number>();
  const put = () => {
    states = present.map((mirror) => stateFrom(mirror, told.get(mirror.name)));
  };
  put();
  return {
    get states() {
      return states;
    },
    probe: () => Promise.resolve(),
    suspect({ name }, { digest, path, size, since }) {
      const now = performance.now();
      if (now - (suspectedAt.get(name) ?? -Infinity) < SUSPECT_EVERY_MS) return;
      suspectedAt.set(name, now);
      onSuspect(name, { digest, path, size, since });
    },
    setMirrors(next) {
      present = next;
      put();
    },
    take(next) {
      for (const report of next) told.set(report.name, report);
      put();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
