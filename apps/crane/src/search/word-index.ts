import MiniSearch from 'minisearch';

/** What is known of a repository, and may be found. */
export interface RepositoryWords {
  readonly name: string;
  readonly title: string;
  /** One line, as it is shown. */
  readonly description: string;
  /** What else is said of it. */
  readonly more: string;
}

/** Repositories by the words in what is said of them. */
export interface WordIndex {
  /** Takes the place of what was known of that name. */
  put(words: RepositoryWords): void;
  remove(name: string): void;
  readonly size: number;
  /** The best matches, the best first. */
  find(text: string, limit: number): Match[];
}

export interface Match {
  readonly name: string;
  readonly description: string;
}

/** From so many letters on, a word is found by its beginning. */
const MIN_BEGINNING = 2;
/** From so many letters on, a word is found in spite of one wrong letter. */
const MIN_MISTYPED = 5;

/**
 * Words are runs of letters and digits, in lower case. All words of a text have to be found: by their beginnings; where
 * nothing matches so, the whole text anywhere in a name, as `podman search` does in a catalogue; and where that finds
 * nothing, too, words with one letter mistyped.
 */
export function createWordIndex(): WordIndex {
  const index = new MiniSearch<RepositoryWords>({
    idField: 'name',
    fields: ['name', 'title', 'description', 'more'],
    storeFields: ['description'],
    tokenize: (text) => text.split(NO_WORD).filter((word) => word !== ''),
    searchOptions: {
      combineWith: 'AND',
      boost: { name: 4, title: 2 },
      prefix: (word) => word.length >= MIN_BEGINNING,
    },
  });
  const names = new Set<string>();

  const holding = (text: string, limit: number): Match[] => {
    const found: Match[] = [];
    for (const name of names) {
      if (name.includes(text)) found.push({ name, description: descriptionOf(index.getStoredFields(name)) });
      if (found.length === limit) break;
    }
    return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  };

  return {
    put(words) {
      if (names.has(words.name)) index.replace(words);
      else index.add(words);
      names.add(words.name);
    },
    remove(name) {
      if (names.delete(name)) index.discard(name);
    },
    get size() {
      return names.size;
    },
    find(text, limit) {
      const wanted = text.toLowerCase();
      const matches = best(index.search(wanted), wanted, limit);
      if (matches.length > 0) return matches;
      const held = holding(wanted, limit);
      if (held.length > 0) return held;
      return best(index.search(wanted, { fuzzy: mistyped }), wanted, limit);
    },
  };
}

const mistyped = (word: string) => (word.length >= MIN_MISTYPED ? 1 : false);
const NO_WORD = /[^\p{L}\p{N}]+/u;

interface Scored {
  readonly id: string;
  readonly score: number;
  readonly description?: unknown;
}

/** The name that was asked for itself comes first; names that match as well stand in their order. */
function best(results: readonly Scored[], wanted: string, limit: number): Match[] {
  const rank = ({ id, score }: Scored) => (id === wanted ? Infinity : score);
  return results
    .toSorted((a, b) => (rank(a) === rank(b) ? (a.id < b.id ? -1 : 1) : rank(b) - rank(a)))
    .slice(0, limit)
    .map((result) => ({ name: result.id, description: descriptionOf(result) }));
}

/** Of the fields that the index keeps of a name that it has. */
function descriptionOf(fields: object | undefined): string {
  return (fields as Pick<RepositoryWords, 'description'>).description;
}
