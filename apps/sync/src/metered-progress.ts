import { Progress } from '@gantry/pipeline';

/** What is told as it happens. */
export interface Meter {
  bytes(count: number): void;
  blob(): void;
}

/** A task's progress that tells a meter, too. */
export class MeteredProgress extends Progress {
  readonly #task: Progress;
  readonly #meter: Meter;

  constructor(task: Progress, meter: Meter) {
    super();
    this.#task = task;
    this.#meter = meter;
  }

  override bytes(count: number): void {
    this.#task.bytes(count);
    this.#meter.bytes(count);
  }

  override blob(): void {
    this.#task.blob();
    this.#meter.blob();
  }

  override tag(): void {
    this.#task.tag();
  }

  override read(): { bytes: number; blobs: number; tags: number } {
    return this.#task.read();
  }
}
