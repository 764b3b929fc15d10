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

/** Counts that reach the metrics only when these are read. */
export interface Counters {
  family(name: string, help: string, labels: readonly string[]): Counts;
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
  }[] = [];
  return {
    family(name, help, labelNames) {
      const samples = new Map<string, Sample>();
      families.push({ name, help, labelNames, samples });
      return {
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
