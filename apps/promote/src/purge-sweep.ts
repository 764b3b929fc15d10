import type { Messages } from '@gantry/messages';
import { asFault, Fault } from '@gantry/oci';
import { type PurgeContext, sweepPurges } from '@gantry/pipeline';

const SWEEP_EVERY_MS = 86_400_000;

/** Has it proved, at the start and daily, that nothing of what was purged has come back. */
export function startPurgeSweep(context: PurgeContext, messages: Messages): AsyncDisposable {
  const stop = new AbortController();
  let sweeping: Promise<void> | undefined;
  const sweep = () => {
    sweeping ??= sweepPurges(context, messages, stop.signal)
      .catch((error: unknown) => {
        if (!stop.signal.aborted) context.flow.log.error({ err: asFault(error) }, 'purge.sweep_failed');
      })
      .finally(() => {
        sweeping = undefined;
      });
  };
  const timer = setInterval(sweep, SWEEP_EVERY_MS);
  sweep();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      stop.abort(new Fault('UNAVAILABLE', 'the service stops'));
      await sweeping;
    },
  };
}
