import { DEFAULT_TIMING as EMBEDDED } from '../embedded/timing.ts';

/** When the queues of RabbitMQ do what. */
export interface Timing {
  /** How long a call may take, waiting for the connection included, before it is UNAVAILABLE. */
  readonly deadlineMs: number;
  /** How long the first connection is waited for; then the messages are open all the same, and it goes on trying. */
  readonly openMs: number;
  /** Between two beats on a silent connection. One that gives no sign for two of them is taken for dead. */
  readonly heartbeatSeconds: number;
  /** Before the first new connection. Each further one waits twice as long, within the longest, give or take a third. */
  readonly reconnectMs: number;
  readonly longestReconnectMs: number;
  /** How long a message waits after its handler has failed for the `attempt`th time. */
  readonly pauseMs: (attempt: number) => number;
}

export const DEFAULT_TIMING: Timing = {
  deadlineMs: 30_000,
  openMs: 10_000,
  heartbeatSeconds: 10,
  reconnectMs: 200,
  longestReconnectMs: 5_000,
  pauseMs: EMBEDDED.pauseMs,
};
