/** What a host says that is left of one of its quotas. */
export interface Quota {
  /** Requests that may still be made before the reset. */
  readonly remaining: number;
  /** Milliseconds until the quota is full again; undefined when the host does not say. */
  readonly resetMs: number | undefined;
  /** Milliseconds over which requests are counted, when that is all the host says. */
  readonly windowMs: number | undefined;
}

const NONE: readonly Quota[] = [];

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * The quotas of an answer:
 * - `RateLimit: "default";r=50;t=30`, a list of them (draft-ietf-httpapi-ratelimit-headers, from -08 on);
 * - `RateLimit: limit=100, remaining=50, reset=30` (its -07);
 * - `RateLimit-Remaining: 50` with `RateLimit-Reset: 30`, in seconds (up to its -06);
 * - `ratelimit-remaining: 76;w=21600`, where only the window is told (Docker Hub).
 * What can't be read says nothing.
 */
export function readQuotas(headers: Headers): readonly Quota[] {
  if (headers['ratelimit'] === undefined && headers['ratelimit-remaining'] === undefined) return NONE;
  return [...readField(text(headers['ratelimit'])), ...readSeparate(headers)];
}

function readSeparate(headers: Headers): Quota[] {
  const [, remaining, more = ''] =
    /^\s*(\d{1,15})\s*(?:[;,](.*))?$/s.exec(text(headers['ratelimit-remaining'])) ?? [];
  if (remaining === undefined) return [];
  const [, window] = /(?:^|[;,\s])w=(\d{1,15})/.exec(more) ?? [];
  const [, reset] = /^\s*(\d{1,15})\s*$/.exec(text(headers['ratelimit-reset'])) ?? [];
  return [{ remaining: Number(remaining), resetMs: milliseconds(reset), windowMs: milliseconds(window) }];
}

// RFC 9651: a member of a list or dictionary, a string or a token, and its parameters.
const MEMBER = /[ \t,]*(?:"(?:[^"\\]|\\.)*"|[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*)/y;
const VALUE = /=[ \t]*(\d{1,15})/y;
const PARAMETER = /[ \t]*;[ \t]*([a-z*][a-z0-9_\-.*]*)(?:=(?:(\d{1,15})|"(?:[^"\\]|\\.)*"|[^\s;,"]*))?/y;

function readField(field: string): Quota[] {
  const quotas: Quota[] = [];
  const dictionary = new Map<string, string>();
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(field);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    return match;
  };

  for (let member = take(MEMBER); member !== undefined; member = take(MEMBER)) {
    const value = take(VALUE)?.[1];
    if (value !== undefined) dictionary.set(member[0].replace(/^[ \t,]+/, ''), value);
    const parameters = new Map<string, string | undefined>();
    for (let match = take(PARAMETER); match !== undefined; match = take(PARAMETER)) {
      parameters.set(match[1] ?? '', match[2]);
    }
    const remaining = parameters.get('r');
    if (remaining !== undefined) quotas.push(quotaOf(remaining, parameters.get('t')));
  }
  const remaining = dictionary.get('remaining');
  if (remaining !== undefined) quotas.push(quotaOf(remaining, dictionary.get('reset')));
  return quotas;
}

function quotaOf(remaining: string, reset: string | undefined): Quota {
  return { remaining: Number(remaining), resetMs: milliseconds(reset), windowMs: undefined };
}

function milliseconds(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits) * 1000;
}

function text(value: string | readonly string[] | undefined): string {
  return typeof value === 'string' ? value : (value?.join(', ') ?? '');
}
