import { asFault } from '@gantry/oci';
import type { Log } from '../context.ts';
import type { Publisher } from '../publish/publisher.ts';
import type { Layouts } from './layouts.ts';

/** How often the tree is looked at: other processes publish, too. */
const LOOK_EVERY_MS = 5000;
/** How long a failure is left alone at the most: the wait doubles from look to look. */
const BACKOFF_MAX_MS = 300_000;

/** Has a tree's layouts follow it in the background, as long as it is not disposed of. */
export interface LayoutFollower extends AsyncDisposable {
  /** Says that there may be something new. */
  nudge(): void;
  /** Has every file looked at, once what is under way has ended. */
  rebuild(): void;
  /** Resolves when nothing is under way. */
  settled(): Promise<void>;
}

/**
 * Nobody waits for it, and what goes wrong is in the log and tried again.
 * @param looks whether it looks for what is new by itself, too
 */
export function startLayoutFollower(layouts: Layouts, log: Log, looks = true): LayoutFollower {
  const stop = new AbortController();
  let wanted: 'nothing' | 'follow' | 'rebuild' = 'nothing';
  let running: Promise<void> | undefined;
  let failures = 0;
  let notBefore = 0;

  const work = async () => {
    while (wanted !== 'nothing' && !stop.signal.aborted) {
      const isRebuild = wanted === 'rebuild';
      wanted = 'nothing';
      try {
        await (isRebuild ? layouts.rebuild(stop.signal) : layouts.follow(stop.signal));
        failures = 0;
        notBefore = 0;
      } catch (error) {
        if (stop.signal.aborted) return;
        log.error({ err: asFault(error), tree: layouts.tree }, 'layout.update_failed');
        notBefore = performance.now() + Math.min(LOOK_EVERY_MS * 2 ** failures++, BACKOFF_MAX_MS);
        return;
      }
    }
  };
  const start = (what: 'follow' | 'rebuild') => {
    if (wanted !== 'rebuild') wanted = what;
    if (running !== undefined || stop.signal.aborted) return;
    running = work().finally(() => {
      running = undefined;
    });
  };
  const look = () => {
    if (performance.now() >= notBefore) start('follow');
  };
  const timer = looks ? setInterval(look, LOOK_EVERY_MS) : undefined;
  if (looks) look();
  return {
    nudge: () => start('follow'),
    rebuild: () => start('rebuild'),
    settled: async () => running,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      stop.abort();
      await running;
    },
  };
}

/** The publisher, which tells the layouts of its tree when it has published. */
export function publisherWithLayouts(
  publisher: Publisher,
  follower: Pick<LayoutFollower, 'nudge' | 'rebuild'>,
): Publisher {
  const nudging = async <T>(publishing: Promise<T>): Promise<T> => {
    const done = await publishing;
    follower.nudge();
    return done;
  };
  return {
    ...publisher,
    publishPending: () => nudging(publisher.publishPending()),
    async publishAll(signal) {
      const outcome = await publisher.publishAll(signal);
      follower.rebuild();
      return outcome;
    },
    takeOut: (purged, signal) => nudging(publisher.takeOut(purged, signal)),
    refresh: () => nudging(publisher.refresh()),
    filesChanged() {
      publisher.filesChanged();
      follower.rebuild();
    },
  };
}
