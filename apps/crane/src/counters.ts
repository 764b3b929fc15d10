import type { Labels, Metrics } from '@gantry/service';

/** One number that only grows. Who counts holds it, so that counting on the way of a request is one addition. */
export interface Count {
  value: number;
}

/** Counts of one name, told apart by their labels. */
export interface Counts {
  /** The count of these labels; the same one each time, to be kept where it is needed often. */
  with(labels: Labels): Count;
}

/** One count with its name, as plain data. */
export interface CountSample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

/** Counts that reach the metrics only when these are read. */
export interface Counters {
  family(name: string, help: string, labels: readonly string[]): Counts;
  /** All that is counted, as it is now. */
  samples(): readonly CountSample[];
  /** Counts what another process has counted since `former`, its last samples; families that are not here are left out. */
  add(samples: readonly CountSample[], former: readonly CountSample[]): void;
  /** `metrics` with all that is counted here in it. */
  joinedTo(metrics: Metrics): Metrics;
}

interface Sample {
  readonly labels: Labels;
  readonly count: Count;
}

export function createCounters(): Counters {
  const families: {
    readonly name: string;
    readonly help: string;
    readonly labelNames: readonly string[];
    readonly samples: Map<string, Sample>;
    readonly counts: Counts;
  }[] = [];
  return {
    family(name, help, labelNames) {
      const samples = new Map<string, Sample>();
      const counts: Counts = {
        with(labels) {
          let key = '';
          for (const label of labelNames) key += `${labels[label]}\n`;
          const known = samples.get(key);
          if (known !== undefined) return known.count;
          const count = { value: 0 };
          samples.set(key, { labels, count });
          return count;
        },
      };
      families.push({ name, help, labelNames, samples, counts });
      return counts;
    },
    samples: () =>
      families.flatMap(({ name, samples }) =>
        [...samples.values()].map(({ labels, count }) => ({ name, labels, value: count.value })),
      ),
    add(samples, former) {
      const before = new Map(former.map((sample) => [keyOf(sample), sample.value]));
      for (const sample of samples) {
        const family = families.find(({ name }) => name === sample.name);
        if (family === undefined) continue;
        family.counts.with(sample.labels).value += sample.value - (before.get(keyOf(sample)) ?? 0);
      }
    },
    joinedTo(metrics) {
      const joined = families.map(({ name, help, labelNames, samples }) => ({
        counter: metrics.counter(name, help, labelNames),
        samples,
      }));
      const told = new Map<Count, number>();
      return {
        ...metrics,
        render() {
          for (const { counter, samples } of joined) {
            for (const { labels, count } of samples.values()) {
              counter.add(count.value - (told.get(count) ?? 0), labels);
              told.set(count, count.value);
            }
          }
          return metrics.render();
        },
      };
    },
  };
}

function keyOf({ name, labels }: CountSample): string {
  return JSON.stringify([name, labels]);
}
