import { Fault, type FaultDetails } from '@gantry/oci';
import { answerFault, type Subject } from './answer-faults.ts';
import { createAuthenticator } from './auth.ts';
import { dropBody } from './body.ts';
import type { Lane } from './dispatchers.ts';
import type { RequestKind, Source } from './options.ts';
import { followRedirect, isRedirect } from './redirect.ts';
import { type Attempt, RETRY_AFTER_MAX_MS, withRetries } from './retry.ts';
import { networkTrouble } from './source-faults.ts';
import { isPassing, retryAfterOf } from './statuses.ts';
import type { Trust } from './trust.ts';
import { type Answer, header, listHeader, openWire } from './wire.ts';

/** What is asked of a registry. */
export interface Call {
  readonly kind: RequestKind;
  readonly method?: 'GET' | 'HEAD';
  /** Path and query below the registry's origin. */
  readonly path: string;
  readonly scope: string;
  /** What it is about, for faults. */
  readonly subject: Subject;
  readonly headers?: Readonly<Record<string, string>>;
  readonly lane?: Lane;
  /** Statuses that `read` can deal with; any other is a fault. 200 by default. */
  readonly expected?: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

/** Asks a registry: with credentials, through redirects, again while trouble may pass. */
export interface Transport extends AsyncDisposable {
  /**
   * @param read makes the result of an answer of an expected status, whose body it must read, drop or pass on. When the
   * connection breaks meanwhile, the whole call is tried again
   */
  ask<T>(call: Call, read: (answer: Answer) => Promise<T>): Promise<T>;
}

export function openTransport(source: Source): Transport {
  const wire = openWire(source);
  const authenticator = createAuthenticator(source, wire);
  // A registry that asks for a pause asks it of all requests, not just of the one that it answered.
  let pausedUntilMs = 0;

  /** One request with its redirects. Tells where it went in `whereabouts`, should it fail. */
  const exchange = async (call: Call, signal: AbortSignal | undefined, whereabouts: { host: string }) => {
    let url = new URL(source.origin.origin + call.path);
    let trust: Trust = 'own';
    let isRenewed = false;
    const visited = new Set([url.href]);
    const { kind, method = 'GET', lane = 'small', headers = {} } = call;
    for (;;) {
      whereabouts.host = url.host;
      const pass = trust === 'own' ? await authenticator.authorize(call.scope, signal) : undefined;
      try {
        const authorization = pass?.authorization;
        const sent = authorization === undefined ? headers : { ...headers, authorization };
        const answer = await wire.send({ kind, method, url, trust, lane, headers: sent, signal });
        if (pass !== undefined && answer.status === 401 && !isRenewed) {
          isRenewed = true;
          dropBody(answer);
          await authenticator.challenged(call.scope, pass, listHeader(answer, 'www-authenticate'));
          continue;
        }
        if (!isRedirect(answer.status)) return answer;
        dropBody(answer);
        ({ url, trust } = followRedirect(source, url, header(answer, 'location'), visited));
        visited.add(url.href);
      } finally {
        pass?.answered();
      }
    }
  };

  const ask = <T>(call: Call, read: (answer: Answer) => Promise<T>): Promise<T> => {
    const { expected = [200], subject } = call;
    const signal = joined(source.signal, call.signal);
    const details: FaultDetails = { ...subject };
    return withRetries(source.clock, signal, async (): Promise<Attempt<T>> => {
      const whereabouts = { host: source.origin.host };
      try {
        signal?.throwIfAborted();
        const pauseMs = pausedUntilMs - source.clock.now();
        if (pauseMs > 0) await source.clock.wait(pauseMs, signal);
        const answer = await exchange(call, signal, whereabouts);
        if (expected.includes(answer.status)) return { value: await read(answer) };
        const retryAfterMs = retryAfterOf(source, answer);
        const isPassed = isPassing(answer.status);
        if (isPassed && retryAfterMs !== undefined && answer.url.origin === source.origin.origin) {
          pausedUntilMs = source.clock.now() + Math.min(retryAfterMs, RETRY_AFTER_MAX_MS);
        }
        const fault = await answerFault(source, call.kind, subject, answer);
        if (!isPassed) throw fault;
        return { trouble: fault, retryAfterMs };
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof Fault) throw error;
        const trouble = networkTrouble(source, whereabouts.host, error, details);
        if (trouble === undefined) throw error;
        if (!trouble.passing) throw trouble.fault;
        return { trouble: trouble.fault };
      }
    });
  };

  return { ask, [Symbol.asyncDispose]: () => wire.destroy() };
}

function joined(one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return AbortSignal.any([one, other]);
}
