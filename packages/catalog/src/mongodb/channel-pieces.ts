import { randomUUID } from 'node:crypto';
import type { ChannelTag } from '../records.ts';

/** A piece of a repository's tags, as its row names it. */
export interface PieceReference {
  readonly id: string;
  /** Its first tag: it holds what comes from there on, up to the next one's first. */
  readonly first: string;
}

/** Tags that are to be stored as one piece. */
export interface FreshPiece {
  readonly reference: PieceReference;
  readonly tags: readonly ChannelTag[];
}

/** A piece with more tags than this, or more characters of JSON, is split. */
const MOST_TAGS = 200;
const MOST_CHARACTERS = 512 * 1024;

/** The piece that holds `tag`, if any does; a tag before all is the first one's. */
export function pieceOf(pieces: readonly PieceReference[], tag: string): PieceReference | undefined {
  let [low, high] = [0, pieces.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((pieces[middle] as PieceReference).first <= tag) low = middle + 1;
    else high = middle;
  }
  return pieces[Math.max(0, low - 1)];
}

/**
 * The pieces after tags were removed and set; one in both is set. Only those that a tag falls into are read and made
 * anew.
 * @param read gives a piece's tags; undefined when it is gone
 * @returns undefined when one was gone
 */
export async function changePieces(
  pieces: readonly PieceReference[],
  set: readonly ChannelTag[],
  remove: readonly string[],
  read: (piece: PieceReference) => Promise<readonly ChannelTag[] | undefined>,
): Promise<{ readonly pieces: PieceReference[]; readonly fresh: FreshPiece[] } | undefined> {
  const changes = new Map<string, ChannelTag | undefined>(remove.map((tag) => [tag, undefined]));
  for (const entry of set) changes.set(entry.tag, entry);
  const touched = Map.groupBy(changes.keys(), (tag) => pieceOf(pieces, tag));

  const next: PieceReference[] = [];
  const fresh: FreshPiece[] = [];
  for (const piece of pieces.length === 0 ? [undefined] : pieces) {
    const names = touched.get(piece);
    if (names === undefined) {
      if (piece !== undefined) next.push(piece);
      continue;
    }
    const former = piece === undefined ? [] : await read(piece);
    if (former === undefined) return undefined;
    const tags = new Map(former.map((entry) => [entry.tag, entry]));
    for (const name of names) {
      const entry = changes.get(name);
      if (entry === undefined) tags.delete(name);
      else tags.set(name, entry);
    }
    for (const some of split([...tags.values()].toSorted((a, b) => (a.tag < b.tag ? -1 : 1)))) {
      const reference = { id: randomUUID(), first: some[0].tag };
      next.push(reference);
      fresh.push({ reference, tags: some });
    }
  }
  return { pieces: next, fresh };
}

/** Sorted tags, in lists that are not too large: all in one if they fit, else half-filled ones, as more will come. */
export function split(tags: readonly ChannelTag[]): [ChannelTag, ...ChannelTag[]][] {
  const sizes = tags.map((tag) => JSON.stringify(tag).length);
  const fits = tags.length <= MOST_TAGS && sizes.reduce((sum, size) => sum + size, 0) <= MOST_CHARACTERS;
  const [mostTags, mostCharacters] = fits ? [MOST_TAGS, Infinity] : [MOST_TAGS / 2, MOST_CHARACTERS / 2];
  const lists: [ChannelTag, ...ChannelTag[]][] = [];
  let characters = 0;
  for (const [at, tag] of tags.entries()) {
    const last = lists.at(-1);
    const size = sizes[at] as number;
    if (last === undefined || last.length >= mostTags || characters + size > mostCharacters) {
      lists.push([tag]);
      characters = size;
    } else {
      last.push(tag);
      characters += size;
    }
  }
  return lists;
}
