/** Whether an If-None-Match header (RFC 9110, section 13.1.2) says that the client has what `etag` names. */
export function isKnownToClient(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === etag);
}

/** What tells of the body, or whose a web server in front would send. */
const OF_BODY: ReadonlySet<string> = new Set([
  'Content-Type',
  'Content-Length',
  'X-Sendfile',
  'X-Accel-Redirect',
]);

/** The headers of a 304: those of the 200, but for the ones that tell of the body. */
export function notModifiedHeaders(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const [name = '', value = ''] = [headers[at], headers[at + 1]];
    if (!OF_BODY.has(name)) kept.push(name, value);
  }
  return kept;
}
