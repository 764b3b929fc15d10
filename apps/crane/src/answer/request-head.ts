/** What the lines of a request's head tell beside what is asked for. */
export interface RequestHead {
  /** Nobody can say which one is meant: RFC 9112, section 3.2, wants a 400. */
  readonly hasManyHosts: boolean;
  /** What a GET or HEAD brings is not read: its connection ends with the answer. */
  readonly hasBody: boolean;
}

const PLAIN: RequestHead = { hasManyHosts: false, hasBody: false };

/** @param rawHeaders names and values in turn, as node:http gives them */
export function readHead(rawHeaders: readonly string[]): RequestHead {
  let hosts = 0;
  let hasBody = false;
  // By length first: most names are none of these.
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === 4) {
      if (name.toLowerCase() === 'host') hosts++;
    } else if (name.length === 14) {
      if (name.toLowerCase() === 'content-length' && rawHeaders[at + 1] !== '0') hasBody = true;
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') hasBody = true;
  }
  return hosts < 2 && !hasBody ? PLAIN : { hasManyHosts: hosts > 1, hasBody };
}
