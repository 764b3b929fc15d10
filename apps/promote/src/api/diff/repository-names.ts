import type { Channels, Page } from '@gantry/catalog';

const NAMES_A_PAGE = 500;

/** The names of the repositories in a channel, one by one, and where to go on another time. */
export class RepositoryNames {
  readonly #channels: Pick<Channels, 'repositories'>;
  readonly #channel: string;
  #cursor: string | null;
  #page: Page<string> | undefined;
  #at = 0;

  /** @param cursor what a former one had; null: from the first name on */
  constructor(channels: Pick<Channels, 'repositories'>, channel: string, cursor: string | null) {
    this.#channels = channels;
    this.#channel = channel;
    this.#cursor = cursor;
  }

  /** A cursor from which the present name will be read again, with a few before it. */
  get cursor(): string | null {
    return this.#cursor;
  }

  /** The present name; undefined after the last. */
  async peek(): Promise<string | undefined> {
    this.#page ??= await this.#read();
    while (this.#at >= this.#page.items.length && this.#page.next !== null) {
      this.#cursor = this.#page.next;
      this.#page = await this.#read();
      this.#at = 0;
    }
    return this.#page.items[this.#at];
  }

  /** Goes on to the name after it. */
  advance(): void {
    this.#at++;
  }

  #read(): Promise<Page<string>> {
    return this.#channels.repositories(this.#channel, {
      limit: NAMES_A_PAGE,
      ...(this.#cursor === null ? {} : { cursor: this.#cursor }),
    });
  }
}
