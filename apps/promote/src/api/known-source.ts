/** A source as far as the API has to know it. */
export interface KnownSource {
  readonly name: string;
  /** Where its registry is, without the scheme: `registry.example.org:5000`. */
  readonly host: string;
  /** Globs over its catalogue, or plain names. */
  readonly repositories: readonly string[];
  /** How often it is synced by itself; absent: only when asked. */
  readonly everyMs?: number;
  /** Whether its rules take a repository, by the name that this has there. */
  takes(sourceRepository: string): boolean;
}
