import type { Answer } from '../answer/answer.ts';
import type { NamedRoute, Route } from '../answer/route.ts';

/** Whoever sends a request, as far as it decides what they may know of. */
export interface Reader {
  /** Whether a published repository exists for them: what they may not read is answered as if it were not there. */
  mayRead(repository: string): boolean;
  /**
   * The same for a repository of redirect JSON that is `protected`, which the original Crane guards by where its content
   * lies. `contentPath` is the path of its `url`.
   */
  mayReadContent(repository: string, contentPath: string): boolean;
  /** What they are answered in place of all else, such as that their credentials are wrong; undefined: nothing. */
  instead?(route: Route): Answer | undefined;
  /** The answer about a name that does not exist for them, in place of that it is unknown. */
  atUnknown?(route: NamedRoute): Answer;
}

/** Who asks where no way in is configured: nothing is private then, and what redirect JSON protects is for nobody. */
export const ANYBODY: Reader = { mayRead: () => true, mayReadContent: () => false };
