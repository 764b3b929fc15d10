/**
 * A bounded cache of documents by digest. Two generations: what was not asked for while the younger one filled up is
 * forgotten as a whole, so that neither a hit nor a removal costs more than a look-up.
 */
export interface DocumentCache {
  get(key: string): unknown;
  set(key: string, value: unknown, sizeBytes: number): void;
}

/** @param maxBytes as they were put in; a decoded document, whose encoded bytes are counted, takes about three times as much */
export function documentCache(maxBytes: number): DocumentCache {
  interface Entry {
    readonly value: unknown;
    readonly sizeBytes: number;
  }
  let young = new Map<string, Entry>();
  let old = new Map<string, Entry>();
  let youngBytes = 0;

  const keep = (key: string, entry: Entry) => {
    if (young.has(key)) return;
    if (young.size > 0 && youngBytes + entry.sizeBytes > maxBytes / 2) {
      old = young;
      young = new Map();
      youngBytes = 0;
    }
    young.set(key, entry);
    youngBytes += entry.sizeBytes;
  };
  return {
    get(key) {
      const entry = young.get(key);
      if (entry !== undefined) return entry.value;
      const former = old.get(key);
      if (former !== undefined) keep(key, former);
      return former?.value;
    },
    set(key, value, sizeBytes) {
      // One that would push out all others is not worth it.
      if (sizeBytes <= maxBytes / 2) keep(key, { value, sizeBytes });
    },
  };
}
