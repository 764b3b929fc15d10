/** Whether an If-None-Match header (RFC 9110, section 13.1.2) says that the client has what `etag` names. */
export function isKnownToClient(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === etag);
}

/** The headers of a 304: those of the 200, but for the ones that tell of the body. */
export function notModifiedHeaders(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const [name = '', value = ''] = [headers[at], headers[at + 1]];
    if (name !== 'Content-Type' && name !== 'Content-Length') kept.push(name, value);
  }
  return kept;
}
