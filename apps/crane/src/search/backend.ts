/** A repository that matches what is looked for. */
export interface FoundRepository {
  readonly name: string;
  /** One line of text; '' where nothing is said. */
  readonly description: string;
  readonly starCount?: number;
  readonly isOfficial?: boolean;
  readonly isAutomated?: boolean;
  /** It is not of this crane: whether it is published here, and who may read it, is not asked. */
  readonly isElsewhere?: boolean;
}

/** Why nothing can be found just now, as the status of the answer. */
export interface SearchFailure {
  /** 502: the server asked gave something else than results; 503: it can't be reached; 504: it was too slow. */
  readonly status: 502 | 503 | 504;
  readonly message: string;
}

/** Who knows which repositories match a text. */
export interface SearchBackend {
  /** The best matches, {@link MAX_FOUND} at the most, the best first. Never rejects. */
  find(text: string): Promise<readonly FoundRepository[] | SearchFailure>;
}

/** Of more matches than this only the best are told. */
export const MAX_FOUND = 1000;

/** The longest text that is looked for: no name is longer. */
export const MAX_TEXT = 255;

export function isFailure(found: readonly FoundRepository[] | SearchFailure): found is SearchFailure {
  return 'status' in found;
}
