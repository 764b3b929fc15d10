/**
 * The first value of a header out of the raw ones, names and values in turn, as node:http gives them.
 * @param name in lower case
 */
export function rawHeader(rawHeaders: readonly string[], name: string): string | undefined {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const known = rawHeaders[at] as string;
    // By length first: most names are another.
    if (known.length === name.length && known.toLowerCase() === name) return rawHeaders[at + 1];
  }
  return undefined;
}
