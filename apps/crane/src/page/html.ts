/** A piece of markup in which all that came from elsewhere is escaped. Only `html` makes one. */
export class Html {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** What may stand in a template: text is escaped; nothing stands for what is undefined or false. */
export type Piece = Html | string | number | undefined | false | readonly Piece[];

/**
 * Markup with values in it. A value may stand between tags, or in an attribute's value between double quotes; nowhere
 * else, as only there its escaped form is inert.
 */
export function html(parts: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  let text = parts[0] as string;
  for (const [index, piece] of pieces.entries()) text += markupOf(piece) + (parts[index + 1] as string);
  return new Html(text);
}

function markupOf(piece: Piece): string {
  if (piece instanceof Html) return piece.toString();
  if (typeof piece === 'string') return escape(piece);
  if (typeof piece === 'number') return String(piece);
  return piece === undefined || piece === false ? '' : piece.map(markupOf).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] as string);
}
