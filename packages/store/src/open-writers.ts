import type { Digest } from '@gantry/oci';
import type { BlobWriter } from './blob-store.ts';
import { OneAtATime } from './one-at-a-time.ts';

/** The writers of a store: one of a blob at a time, and each does one thing at a time. */
export class OpenWriters implements AsyncDisposable {
  readonly #writing = new OneAtATime();
  readonly #writers = new Set<BlobWriter>();

  /**
   * Opens a blob's writer once the former one of this process has ended.
   * @param make is given what the writer is to call, once, when it has ended
   */
  async open(digest: Digest, make: (release: () => void) => Promise<BlobWriter>): Promise<BlobWriter> {
    const leave = await this.#writing.enter(digest);
    let writer: BlobWriter | undefined;
    const release = () => {
      if (writer !== undefined) this.#writers.delete(writer);
      leave();
    };
    try {
      writer = inTurn(await make(release));
    } catch (error) {
      leave();
      throw error;
    }
    this.#writers.add(writer);
    return writer;
  }

  /** Suspends those that are open. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#writers].map((writer) => writer.suspend()));
  }
}

/** One call after the other: a store that is closed suspends its writers, whatever they are at. */
function inTurn(writer: BlobWriter): BlobWriter {
  let last: Promise<void> = Promise.resolve();
  const next = (call: () => Promise<void>) => {
    const done = last.then(call);
    last = done.catch(() => undefined);
    return done;
  };
  const suspend = () => next(() => writer.suspend());
  return {
    get offset() {
      return writer.offset;
    },
    append: (chunk) => next(() => writer.append(chunk)),
    commit: () => next(() => writer.commit()),
    restart: () => next(() => writer.restart()),
    suspend,
    [Symbol.asyncDispose]: suspend,
  };
}
