import type { Dispatcher } from 'undici';

/** Counts one request's answer. Pass it as `opaque`, to a dispatcher that is `metered`. */
export class Meter {
  readonly #over: (result: Metered) => void;
  #status: number | undefined;
  #bytes = 0;
  #isOver = false;

  /** @param over told once: when the body has come, or was let go, or the connection broke */
  constructor(over: (result: Metered) => void) {
    this.#over = over;
  }

  answered(status: number): void {
    if (status >= 200) this.#status = status; // others are interim
  }

  received(bytes: number): void {
    this.#bytes += bytes;
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#over({ status: this.#status, bytes: this.#bytes });
  }
}

/** What came of a request, once it is over. */
export interface Metered {
  /** Undefined when no answer came. */
  readonly status: number | undefined;
  /** Of the body, as received. */
  readonly bytes: number;
}

/** A dispatcher that tells each request's meter what it sees. */
export function metered(dispatcher: Dispatcher): Dispatcher {
  return dispatcher.compose(
    (dispatch) => (options: Dispatcher.DispatchOptions & { opaque?: unknown }, handler) => {
      const meter = options.opaque;
      if (!(meter instanceof Meter)) return dispatch(options, handler);
      return dispatch(options, {
        onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
        onResponseStart(controller, status, headers, message) {
          meter.answered(status);
          handler.onResponseStart?.(controller, status, headers, message);
        },
        onResponseData(controller, chunk) {
          meter.received(chunk.length);
          handler.onResponseData?.(controller, chunk);
        },
        onResponseEnd(controller, trailers) {
          handler.onResponseEnd?.(controller, trailers);
          meter.end();
        },
        onResponseError(controller, error) {
          handler.onResponseError?.(controller, error);
          meter.end();
        },
      });
    },
  );
}
