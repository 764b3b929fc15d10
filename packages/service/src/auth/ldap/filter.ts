/** What stands for something else in a filter (RFC 4515, 3). */
const SPECIAL = /[*()\\\0]/g;

/** A filter with texts in its places: `(uid={user})`. Whatever a text holds, it is looked for letter for letter. */
export function fillFilter(filter: string, texts: Readonly<Record<string, string>>): string {
  return filter.replaceAll(/\{(\w+)\}/g, (place, name: string) =>
    Object.hasOwn(texts, name) ? escape(texts[name] ?? '') : place,
  );
}

function escape(text: string): string {
  return text.replaceAll(SPECIAL, (one) => `\\${one.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
