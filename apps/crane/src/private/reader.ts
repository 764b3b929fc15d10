/** Whoever sends a request, as far as it decides what they may know of. */
export interface Reader {
  /** Whether a published repository exists for them: what they may not read is answered as if it were not there. */
  mayRead(repository: string): boolean;
  /**
   * The same for a repository of redirect JSON that is `protected`, which the original Crane guards by where its content
   * lies. `contentPath` is the path of its `url`.
   */
  mayReadContent(repository: string, contentPath: string): boolean;
}

/** Who asks where nothing is private. */
export const ANYBODY: Reader = { mayRead: () => true, mayReadContent: () => true };
