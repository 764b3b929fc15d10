const TARGET = /[ \t,]*<([^<>]*)>/y;
const PARAMETER =
  /[ \t]*;[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*(?:=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^ \t;,"]*)))?/sy;

/** The target of the first link with the relation `next` (RFC 8288, section 3), as it was written. */
export function nextLink(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    return match;
  };

  for (;;) {
    const target = take(TARGET)?.[1];
    if (target === undefined) return undefined;
    let relations: string | undefined;
    for (let match = take(PARAMETER); match !== undefined; match = take(PARAMETER)) {
      // "The rel parameter MUST NOT appear more than once; occurrences after the first MUST be ignored."
      if (match[1]?.toLowerCase() === 'rel') relations ??= match[2] ?? match[3] ?? '';
    }
    if (relations?.toLowerCase().split(/\s+/).includes('next') === true) return target;
  }
}
