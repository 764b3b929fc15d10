import type { CollectFunction, Gauge } from 'prom-client';

/** What is measured, in Prometheus's text format. Names have base units (`_bytes`, `_seconds`) and no unbounded label. */
export interface Metrics {
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  /** @param collect sets the value whenever it is asked for */
  gauge(
    name: string,
    help: string,
    labels?: readonly string[],
    collect?: (gauge: GaugeValue) => void | Promise<void>,
  ): GaugeValue;
  histogram(name: string, help: string, buckets: readonly number[], labels?: readonly string[]): Histogram;
  /** All of it, as `/metrics` answers. */
  render(): Promise<{ contentType: string; body: string }>;
}

export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(count?: number, labels?: Labels): void;
}

export interface GaugeValue {
  set(value: number, labels?: Labels): void;
  /** Forgets the values of all labels. */
  clear(): void;
}

export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

/** A registry of its own, with the figures of the process (memory, CPU, event loop, garbage collection). */
export async function createMetrics(service: string): Promise<Metrics> {
  const client = await import('prom-client'); // 50 ms that a command line need not pay
  const register = new client.Registry();
  register.setDefaultLabels({ service });
  client.collectDefaultMetrics({ register });
  const registers = [register];
  return {
    counter(name, help, labelNames = []) {
      const counter = new client.Counter({ name, help, labelNames: [...labelNames], registers });
      return { add: (count = 1, labels = {}) => counter.inc(labels, count) };
    },
    gauge(name, help, labelNames = [], collect?) {
      const onCollect: CollectFunction<Gauge> = function collectInto(this: Gauge) {
        return collect?.(gaugeValue(this));
      };
      const options = { name, help, labelNames: [...labelNames], registers };
      return gaugeValue(
        new client.Gauge(collect === undefined ? options : { ...options, collect: onCollect }),
      );
    },
    histogram(name, help, buckets, labelNames = []) {
      const options = { name, help, buckets: [...buckets], labelNames: [...labelNames], registers };
      const histogram = new client.Histogram(options);
      return { observe: (value, labels = {}) => histogram.observe(labels, value) };
    },
    render: async () => ({ contentType: register.contentType, body: await register.metrics() }),
  };
}

function gaugeValue(gauge: Gauge): GaugeValue {
  return { set: (value, labels = {}) => gauge.set(labels, value), clear: () => gauge.reset() };
}
