import type { CloudEvent, Delivery, Messages } from '../messages.ts';

export interface OpenedMessages extends AsyncDisposable {
  /** New and empty, with pauses between attempts that a test can wait for. */
  readonly messages: Messages;
  /** Closes them and opens them again, as the next start of a process does. */
  readonly reopen: () => Promise<Messages>;
}

export function event(id: string, type = 'test'): CloudEvent {
  return { specversion: '1.0', id, source: '/test', type, data: null };
}

export function ids(count: number): string[] {
  return Array.from({ length: count }, (_, n) => String(n));
}

/** A handler that keeps what it is given; `all` resolves with it when there are so many. */
export function collector(count: number) {
  const deliveries: Delivery[] = [];
  const { promise: all, resolve } = Promise.withResolvers<Delivery[]>();
  if (count === 0) resolve(deliveries);
  const handle = async (delivery: Delivery) => {
    deliveries.push(delivery);
    if (deliveries.length === count) resolve(deliveries);
  };
  return { deliveries, all, handle };
}

/** Keeps what a listener is given; `has` resolves when the events of these ids are there. */
export function listener() {
  const events: CloudEvent[] = [];
  const waiting = new Set<() => void>();
  const heard = () => events.map(({ id }) => id);
  return {
    events,
    heard,
    handle: (heardOf: CloudEvent) => {
      events.push(heardOf);
      for (const look of waiting) look();
    },
    has: (...wanted: readonly string[]) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (!wanted.every((id) => heard().includes(id))) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}
