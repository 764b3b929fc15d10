/** A length of time for people: `7 days`, `36 hours`. */
export function spell(ms: number): string {
  const units = [
    ['days', 86_400_000],
    ['hours', 3_600_000],
    ['minutes', 60_000],
  ] as const;
  const [name, length] = units.find(([, size]) => ms >= size && ms % size === 0) ?? ['seconds', 1000];
  return `${ms / length} ${name}`;
}
