/** Names that are served beside a tree's. */
export interface FurtherNames {
  /** Another number after each change; undefined: they are not known yet. */
  readonly changes: number | undefined;
  names(): Iterable<string>;
}

/** Which names came and which went. */
export interface NameChange {
  readonly came: readonly string[];
  readonly gone: readonly string[];
}

/** Compares the names with those of the last call; undefined: nothing changed. Nothing is gone through where nothing changed. */
export function createNameChanges(further: FurtherNames): () => NameChange | undefined {
  let known: ReadonlySet<string> = new Set();
  let changes: number | undefined;
  return () => {
    if (further.changes === changes) return undefined;
    changes = further.changes;
    const present = new Set(further.names());
    const change = { came: [...present.difference(known)], gone: [...known.difference(present)] };
    known = present;
    return change;
  };
}
