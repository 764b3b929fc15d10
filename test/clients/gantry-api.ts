import { randomUUID } from 'node:crypto';
import { until } from '../servers/until.ts';

/** A task or a promotion, as far as tests look at it. */
export interface Work {
  readonly id: string;
  readonly state: string;
  readonly serial?: number | null;
  readonly errors?: readonly { readonly item: string; readonly problem: Problem }[];
  readonly items?: readonly {
    readonly repository: string;
    readonly reference: string;
    readonly digest: string | null;
    readonly tags: readonly string[];
    readonly state: string;
    readonly problem?: Problem;
  }[];
}

/** RFC 9457. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
}

export interface Candidate {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly platforms: readonly string[];
  readonly source: string;
  readonly sourceRepository: string;
  readonly goneAt: string | null;
  readonly companions: readonly { readonly tag: string; readonly digest: string }[];
}

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** What was answered: status, headers, and the body as JSON. */
export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** Gantry's REST API, called as curl would: one request each, and no more than the contract says of the answers. */
export interface GantryApi {
  readonly url: string;
  readonly call: Call;
  /** Syncs a source and waits for the end, whichever it is. */
  readonly sync: (source: string, repositories?: readonly string[]) => Promise<Work>;
  /** Promotes and waits for the end, whichever it is. Each item is `REPOSITORY:TAG` or `REPOSITORY@DIGEST` with tags. */
  readonly promote: (to: string, items: readonly PromoteItem[]) => Promise<Work>;
  /** Waits until the promotion has ended. */
  readonly promotionEnded: (id: string) => Promise<Work>;
  readonly taskEnded: (id: string) => Promise<Work>;
  /** All candidates, page by page. */
  readonly candidates: () => Promise<Candidate[]>;
}

export interface PromoteItem {
  readonly repository: string;
  readonly reference: string;
  readonly tags?: readonly string[];
}

/** One request. `T` is what the contract says the body is. */
export type Call = <T>(method: string, place: string, options?: CallOptions) => Promise<Answer<T>>;

export interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Absent: the token of the tests; null: none. */
  readonly token?: string | null;
}

const ENDED = new Set(['done', 'partial', 'failed', 'refused', 'cancelled']);
const ENDS_WITHIN_MS = 60_000;

/** @param signal ends what waits for something, when the server has ended */
export function openApi(url: string, adminToken: string, signal?: AbortSignal): GantryApi {
  const request = async (
    method: string,
    place: string,
    options: CallOptions = {},
  ): Promise<Answer<unknown>> => {
    const { body, token = adminToken, headers = {} } = options;
    const response = await fetch(new URL(place, url), {
      method,
      headers: {
        ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : JSON.parse(text),
    };
  };
  const call = request as Call;
  const ended = (place: string) =>
    until(
      `${place} to end`,
      async () => {
        const { status, body } = await call<Work>('GET', place);
        return status === 200 && ENDED.has(body.state) && body;
      },
      { withinMs: ENDS_WITHIN_MS, ...(signal === undefined ? {} : { signal }) },
    );
  const taskEnded = (id: string) => ended(`/api/v1/tasks/${id}`);
  const promotionEnded = (id: string) => ended(`/api/v1/promotions/${id}`);
  return {
    url,
    call,
    taskEnded,
    promotionEnded,
    sync: async (source, repositories) => {
      const { body } = expectStatus(
        202,
        await call<Work>('POST', '/api/v1/syncs', {
          body: { source, ...(repositories === undefined ? {} : { repositories }) },
        }),
      );
      return taskEnded(body.id);
    },
    promote: async (to, items) => {
      const { body } = expectStatus(
        202,
        await call<Work>('POST', '/api/v1/promotions', {
          body: { items, to, reason: 'the tests want it' },
          headers: { 'Idempotency-Key': randomUUID() },
        }),
      );
      return promotionEnded(body.id);
    },
    candidates: async () => {
      const found: Candidate[] = [];
      let next: string | null = '';
      while (next !== null) {
        const place: string = `/api/v1/candidates?limit=100${next === '' ? '' : `&cursor=${encodeURIComponent(next)}`}`;
        const { body }: Answer<Page<Candidate>> = expectStatus(
          200,
          await call<Page<Candidate>>('GET', place),
        );
        found.push(...body.items);
        next = body.next;
      }
      return found;
    },
  };
}

function expectStatus<T>(status: number, answer: Answer<T>): Answer<T> {
  if (answer.status === status) return answer;
  throw new Error(`answered ${answer.status}, not ${status}: ${JSON.stringify(answer.body)}`);
}
