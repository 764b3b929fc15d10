import type { Progress } from '@gantry/pipeline';

/** What is told of bytes and blobs as they come. */
export interface Meter {
  bytes(count: number): void;
  blobs(count: number): void;
}

const TELL_EVERY_MS = 1000;

/** Tells a meter how a task comes on, now and then, and the rest when it is disposed of. */
export function meterProgress(progress: Progress, meter: Meter): Disposable {
  let told = progress.read();
  const tell = () => {
    const now = progress.read();
    meter.bytes(now.bytes - told.bytes);
    meter.blobs(now.blobs - told.blobs);
    told = now;
  };
  const timer = setInterval(tell, TELL_EVERY_MS);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      tell();
    },
  };
}
