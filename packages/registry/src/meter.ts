import type { Dispatcher } from 'undici';

/** What came of a request, once it is over. */
export interface Metered {
  /** Undefined when no answer came. */
  readonly status: number | undefined;
  /** Of the body, as received. */
  readonly bytes: number;
}

/**
 * Counts one request's answer. `over` is told once: when the body has come, or was let go, or the connection broke.
 * @returns what the request is to be sent through, and a way to say that it is over before undici does
 */
export function meter(
  dispatcher: Dispatcher,
  over: (result: Metered) => void,
): { through: Dispatcher; giveUp: () => void } {
  let status: number | undefined;
  let bytes = 0;
  let isOver = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    over({ status, bytes });
  };
  const through = dispatcher.compose(
    (dispatch) => (options, handler) =>
      dispatch(options, {
        onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
        onResponseStart(controller, code, headers, message) {
          if (code >= 200) status = code; // others are interim
          handler.onResponseStart?.(controller, code, headers, message);
        },
        onResponseData(controller, chunk) {
          bytes += chunk.length;
          handler.onResponseData?.(controller, chunk);
        },
        onResponseEnd(controller, trailers) {
          handler.onResponseEnd?.(controller, trailers);
          end();
        },
        onResponseError(controller, error) {
          handler.onResponseError?.(controller, error);
          end();
        },
      }),
  );
  return { through, giveUp: end };
}
