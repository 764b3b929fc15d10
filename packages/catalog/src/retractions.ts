/** A tag that a promotion took out of a channel. What was accepted before that promotion must not bring it back. */
export interface Retraction {
  readonly channel: string;
  readonly repository: string;
  readonly tag: string;
  readonly promotion: string;
  /** Of the promotion. */
  readonly sequence: number;
}

export interface Retractions {
  /**
   * Inserts each, or replaces the one of the same channel, repository and tag that has a lower sequence. An engine without
   * transactions over many records may have done a part when it fails; repeating the call completes it.
   */
  put(retractions: readonly Retraction[]): Promise<void>;
  /** Of one repository in a channel, by tag. */
  of(channel: string, repository: string): Promise<Retraction[]>;
}
