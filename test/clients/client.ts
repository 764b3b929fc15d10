/** What a client had in its hands after a pull. */
export interface Pulled {
  /** Of the manifest that the reference names, as the client itself worked it out from the bytes. */
  readonly digest: string;
  /** The content of the file `hello` in the unpacked image, of clients that unpack. */
  readonly hello?: string;
}

/** A container client of the tests. It keeps nothing from one pull to the next. */
export interface Client extends AsyncDisposable {
  /** Pulls `host:port/repository:tag` (or `@digest`) over plain HTTP, whole. */
  pull(reference: string): Promise<Pulled>;
}

/** A client that can show who it is. */
export interface KnownClient extends Client {
  /** @param options of the command that pulls, such as those that name credentials */
  pull(reference: string, ...options: readonly string[]): Promise<Pulled>;
}

/** A client that can look for repositories. */
export interface SearchingClient extends Client {
  /** What is found for `host:port/text`: each name, as the client writes it, and its description. */
  search(term: string, ...options: readonly string[]): Promise<readonly FoundByClient[]>;
}

export interface FoundByClient {
  readonly name: string;
  readonly description: string;
}

/** The reference without its tag or digest. */
export function repositoryOf(reference: string): string {
  return reference.replace(/(@[^@]+|:[^:/]+)$/, '');
}
