import type { FaultCode } from '@gantry/oci';
import type { Identity, Scope } from '@gantry/service';
import { z } from 'zod';
import type { Api } from './api-options.ts';

export type Method = 'GET' | 'POST' | 'DELETE';

/** One request, its input checked. */
export interface Call<Params = unknown, Query = unknown, Body = unknown> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** The body as it came; undefined where there is none. */
  readonly bodyBytes: Uint8Array | undefined;
  /** Who asks. Of an open route that is nobody. */
  readonly caller: Identity;
  readonly api: Api;
  /** A header of the request, named in lower case. */
  header(name: string): string | undefined;
  /** Aborted when the caller has gone. */
  gone(): AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly text?: { readonly contentType: string; readonly body: string };
  /** Sent as they come, until there are no more or the signal is aborted. */
  readonly events?: (signal: AbortSignal) => AsyncIterable<ServerSentEvent>;
}

export interface ServerSentEvent {
  readonly id: string;
  /** Sent as JSON. */
  readonly data: unknown;
}

/** What a caller must be allowed to do. */
export interface Access<C = Call> {
  /** For documentation: `read`, `promote:<to>`. */
  readonly shown: string;
  /** The caller has some scope of these kinds, or is turned away before the body is read; `any`: whoever is known. */
  readonly kinds: 'any' | readonly ('read' | 'sync' | 'promote' | 'report' | 'approve')[];
  /** All that this very call needs. May look up what the call is about. */
  scopes(call: C): readonly Scope[] | Promise<readonly Scope[]>;
}

/** What an answer looks like, for documentation. */
export interface AnswerShape {
  readonly description: string;
  /** One of the views; absent: no body, or one that is not JSON. */
  readonly view?: z.ZodType;
  readonly contentType?: string;
  /** Headers that matter, by name. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** One endpoint: the table of these is what is served, what is checked, and what is documented. */
export interface Route {
  readonly method: Method;
  /** As in OpenAPI: `/api/v1/tasks/{id}`. */
  readonly path: string;
  /** Unique: the operation's id. */
  readonly name: string;
  readonly summary: string;
  readonly access: Access | 'open';
  /** Whether it changes what is kept: then it is refused in read-only mode, and stands in the audit log. */
  readonly changes: boolean;
  /** Whether it is served in read-only mode although it changes something. */
  readonly evenReadOnly: boolean;
  /** Whether the token may come after any scheme: not every client can be told to send `Bearer`. */
  readonly anyScheme: boolean;
  readonly params: z.ZodObject;
  /** Absent: whatever comes is ignored. */
  readonly query: z.ZodObject | undefined;
  /** Absent: a body is not read. */
  readonly body: z.ZodType | undefined;
  /** Media types that a body comes with. Any other that is JSON is as good. */
  readonly bodyTypes: readonly string[];
  readonly bodyMaxBytes: number;
  /** Headers of the request that matter, by name. */
  readonly headers: Readonly<Record<string, string>>;
  /** By status. */
  readonly answers: Readonly<Record<number, AnswerShape>>;
  /** What it may refuse with, beside what every route may: see COMMON_FAULTS. */
  readonly faults: readonly FaultCode[];
  /** What a call is about, for the audit log; absent: what stands in the path. */
  target?(call: Call): string;
  handle(call: Call): Promise<Answer>;
}

/** What a route of the API is made of; parameters, query and body give the types of its handler's call. */
export interface RouteDefinition<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
> extends Pick<Route, 'method' | 'path' | 'name' | 'summary' | 'answers'> {
  readonly access: Access<Call<z.output<Params>, z.output<Query>, z.output<Body>>>;
  readonly params?: Params;
  readonly query?: Query;
  /** Absent: every method but GET does. */
  readonly changes?: boolean;
  readonly evenReadOnly?: boolean;
  readonly anyScheme?: boolean;
  readonly body?: Body;
  readonly bodyTypes?: Route['bodyTypes'];
  /** 1 MiB if absent. */
  readonly bodyMaxBytes?: number;
  readonly headers?: Route['headers'];
  readonly faults?: Route['faults'];
  target?(call: Call<z.output<Params>, z.output<Query>, z.output<Body>>): string;
  handle(call: Call<z.output<Params>, z.output<Query>, z.output<Body>>): Promise<Answer>;
}

/** How large a body may be, unless its route says otherwise. */
export const BODY_MAX_BYTES = 1024 * 1024;

const JSON_TYPES: readonly string[] = ['application/json'];
const NOTHING: z.ZodObject = z.strictObject({});

/** A route of the API: its handler is called with what these very schemas gave. Query parameters that it does not name are refused. */
export function route<
  Params extends z.ZodObject = z.ZodObject,
  Query extends z.ZodObject = z.ZodObject,
  Body extends z.ZodType = z.ZodUndefined,
>(definition: RouteDefinition<Params, Query, Body>): Route {
  return {
    changes: definition.method !== 'GET',
    evenReadOnly: false,
    anyScheme: false,
    bodyTypes: JSON_TYPES,
    bodyMaxBytes: BODY_MAX_BYTES,
    headers: {},
    faults: [],
    ...definition,
    params: definition.params ?? NOTHING,
    query: definition.query ?? NOTHING,
    body: definition.body,
  };
}

/** A route that needs no token, for those who watch a service and those who read about it. */
export function openRoute(
  definition: Pick<Route, 'path' | 'name' | 'summary' | 'answers' | 'handle'>,
): Route {
  return {
    method: 'GET',
    access: 'open',
    changes: false,
    evenReadOnly: false,
    anyScheme: false,
    params: NOTHING,
    query: undefined,
    body: undefined,
    bodyTypes: JSON_TYPES,
    bodyMaxBytes: BODY_MAX_BYTES,
    headers: {},
    faults: [],
    ...definition,
  };
}

/** What any route that needs a token may refuse with. */
const COMMON_FAULTS: readonly FaultCode[] = [
  'REQUEST_INVALID',
  'UNAUTHORIZED',
  'DENIED',
  'TOOMANYREQUESTS',
  'HEADERS_TOO_LARGE',
  'REQUEST_TIMEOUT',
  'INTERNAL',
  'UNAVAILABLE',
];
/** What a route that writes may refuse with, too. */
const WRITING_FAULTS: readonly FaultCode[] = ['STORAGE_FULL'];
/** What a route that is refused in read-only mode may refuse with, too. */
const CHANGING_FAULTS: readonly FaultCode[] = ['READ_ONLY'];
/** What a route that takes a body may refuse with, too. */
const BODY_FAULTS: readonly FaultCode[] = ['REQUEST_TOO_LARGE'];

/** All that a route may refuse with. */
export function faultsOf(one: Route): readonly FaultCode[] {
  if (one.access === 'open') return ['REQUEST_INVALID', 'HEADERS_TOO_LARGE', 'REQUEST_TIMEOUT', 'INTERNAL'];
  return [
    ...COMMON_FAULTS,
    ...(one.method === 'GET' ? [] : WRITING_FAULTS),
    ...(one.changes && !one.evenReadOnly ? CHANGING_FAULTS : []),
    ...(one.body === undefined ? [] : BODY_FAULTS),
    ...one.faults,
  ];
}
