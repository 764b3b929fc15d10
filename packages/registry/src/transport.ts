import { Fault, type FaultDetails } from '@gantry/oci';
import { answerFault, type Subject } from './answer-faults.ts';
import { createAuthenticator } from './auth.ts';
import { dropBody } from './body.ts';
import type { Lane } from './dispatchers.ts';
import type { RequestKind, Source } from './options.ts';
import { followRedirect, isRedirect, type Target } from './redirect.ts';
import { type Attempt, withRetries } from './retry.ts';
import { networkTrouble } from './source-faults.ts';
import { isPassing } from './statuses.ts';
import { type Answer, header, listHeader, openWire } from './wire.ts';

/** What is asked. */
interface Ask {
  readonly kind: RequestKind;
  readonly method?: 'GET' | 'HEAD';
  /** What it is about, for faults. */
  readonly subject: Subject;
  readonly headers?: Readonly<Record<string, string>>;
  readonly lane?: Lane;
  /** Statuses that `read` can deal with; any other is a fault. 200 by default. */
  readonly expected?: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

/** What is asked of a registry. */
export interface Call extends Ask {
  /** Path and query below the registry's origin. */
  readonly path: string;
  readonly scope: string;
}

/** What is asked elsewhere, from the beginning without credentials. */
export interface ForeignCall extends Ask {
  readonly target: Target;
}

/** Asks a registry: with credentials, through redirects, again while trouble may pass. */
export interface Transport extends AsyncDisposable {
  /**
   * @param read makes the result of an answer of an expected status, whose body it must read, drop or pass on. When the
   * connection breaks meanwhile, the whole call is tried again
   */
  ask<T>(call: Call | ForeignCall, read: (answer: Answer) => Promise<T>): Promise<T>;
}

export function openTransport(source: Source): Transport {
  const wire = openWire(source);
  const authenticator = createAuthenticator(source, wire);

  /** One request with its redirects. Tells where it went in `whereabouts`, should it fail. */
  const exchange = async (
    call: Call | ForeignCall,
    attempt: number,
    signal: AbortSignal | undefined,
    whereabouts: { host: string },
  ): Promise<Answer> => {
    const { kind, method = 'GET', lane = 'small', headers = {} } = call;
    const isOwn = 'path' in call;
    let { url, trust }: Target = isOwn
      ? { url: new URL(source.origin.origin + call.path), trust: 'own' }
      : call.target;
    let isUrgent = false;
    let isRenewed = false;
    const visited = new Set([url.href]);
    for (;;) {
      whereabouts.host = url.host;
      const pass = isOwn && trust === 'own' ? await authenticator.authorize(call.scope, signal) : undefined;
      try {
        const turn = await wire.turn(url, signal, isUrgent);
        if (pass?.isFresh() === false && !isUrgent) {
          isUrgent = true;
          turn.end();
          continue;
        }
        const authorization = pass?.authorization;
        const sent = authorization === undefined ? headers : { ...headers, authorization };
        const answer = await wire.send(turn, {
          kind,
          method,
          url,
          trust,
          lane,
          headers: sent,
          attempt,
          signal,
        });
        if (isOwn && pass !== undefined && answer.status === 401 && !isRenewed) {
          isRenewed = true;
          dropBody(answer);
          await authenticator.challenged(call.scope, pass, listHeader(answer, 'www-authenticate'));
          continue;
        }
        if (!isRedirect(answer.status)) return answer;
        dropBody(answer);
        const target = followRedirect(source, url, header(answer, 'location'), visited);
        // Whoever is led back to the registry from elsewhere comes there as a stranger.
        const isBack = trust !== 'own' && target.trust === 'own';
        ({ url, trust } = isBack ? { ...target, trust: 'named' } : target);
        visited.add(url.href);
      } finally {
        pass?.answered();
      }
    }
  };

  const ask = <T>(call: Call | ForeignCall, read: (answer: Answer) => Promise<T>): Promise<T> => {
    const { expected = [200], subject } = call;
    const signal = joined(source.signal, call.signal);
    const details: FaultDetails = { ...subject };
    return withRetries(source.clock, signal, async (attempt): Promise<Attempt<T>> => {
      const whereabouts = { host: source.origin.host };
      try {
        const answer = await exchange(call, attempt, signal, whereabouts);
        if (expected.includes(answer.status)) return { value: await read(answer) };
        const fault = await answerFault(source, call.kind, subject, answer);
        if (!isPassing(answer.status)) throw fault;
        return { trouble: fault, retryAfterMs: answer.retryAfterMs };
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
