import type { IncomingMessage, ServerResponse } from 'node:http';

/** Sends a whole body, or its headers alone to a HEAD. */
export function answer(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string | number>>,
  body: Buffer | string = '',
): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  response.writeHead(status, {
    'docker-distribution-api-version': 'registry/2.0',
    'content-length': bytes.length,
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

/** The error body of the distribution specification, "Error Codes". */
export function answerError(
  request: IncomingMessage,
  response: ServerResponse,
  error: { status: number; code: string; message: string; headers?: Readonly<Record<string, string>> },
): void {
  const { status, code, message, headers } = error;
  const body = JSON.stringify({ errors: [{ code, message }] });
  answer(request, response, status, { 'content-type': 'application/json', ...headers }, body);
}

/** One page of `names`, which are sorted; `n` and `last` as the specification has them ("Listing Tags"). */
export function page(
  names: readonly string[],
  query: URLSearchParams,
  pageSize: number,
): { names: readonly string[]; next?: URLSearchParams } | undefined {
  const asked = query.get('n');
  if (asked !== null && !/^\d{1,9}$/.test(asked)) return undefined;
  const size = Math.min(asked === null ? pageSize : Number(asked), pageSize);
  const last = query.get('last');
  const from = last === null ? 0 : firstAfter(names, last);
  const found = names.slice(from, from + size);
  const end = found.at(-1);
  if (end === undefined || end === names.at(-1)) return { names: found };
  return { names: found, next: new URLSearchParams({ n: String(size), last: end }) };
}

/** The place of the first of `names`, which are sorted, that comes after `last`. */
function firstAfter(names: readonly string[], last: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((names[middle] ?? '') > last) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The byte range that `Range` asks for: undefined when there is none (or one of a form that is ignored), null when it can't be met. */
export function requestedRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | null | undefined {
  const match = /^bytes=(\d{1,15})-(\d{1,15})?$/.exec(header ?? '');
  if (match === null) return undefined;
  const start = Number(match[1]);
  const end = Math.min(match[2] === undefined ? size - 1 : Number(match[2]), size - 1);
  return start > end ? null : { start, end };
}
