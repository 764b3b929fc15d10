const UNITS = { kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, B: 1 } as const;
type Unit = keyof typeof UNITS;

/** A whole number and a unit: `20MB`, `512KiB`. */
export const BYTES = /^[1-9]\d{0,8}(?:B|kB|MB|GB|KiB|MiB|GiB)$/;

/** What a number of bytes must look like, for messages: follows the value that is none. */
export const BYTES_EXPECTED = 'is not a number of bytes: write 20MB, 512KiB or the like';

/** The bytes of a text that `BYTES` matches. */
export function parseBytes(text: string): number {
  const [, count = '', unit = ''] = /^(\d+)(\D+)$/.exec(text) ?? [];
  return Number(count) * UNITS[unit as Unit];
}

/** The shortest text that `parseBytes` reads as so many bytes: whole, above 0. */
export function formatBytes(bytes: number): string {
  const fits = Object.entries(UNITS).filter(([, size]) => bytes % size === 0);
  const texts = fits.map(([unit, size]) => `${bytes / size}${unit}`);
  return texts.toSorted((a, b) => a.length - b.length)[0] ?? `${bytes}B`;
}
