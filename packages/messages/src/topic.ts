/**
 * Whether a topic exchange would route `key` by `pattern`: words between dots, where `*` stands for one word and `#` for
 * any number of them, none included (AMQP 0-9-1, 3.1.3.3).
 */
export function matchesTopic(pattern: string, key: string): boolean {
  const words = key.split('.');
  // What of the key the pattern's words so far can have taken: the counts of words.
  let taken = new Set([0]);
  for (const part of pattern.split('.')) {
    const next = new Set<number>();
    for (const count of taken) {
      if (part === '#') for (let more = count; more <= words.length; more++) next.add(more);
      else if (count < words.length && (part === '*' || part === words[count])) next.add(count + 1);
    }
    taken = next;
  }
  return taken.has(words.length);
}
