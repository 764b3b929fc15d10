import { existsSync } from 'node:fs';
import path from 'node:path';

/** Where the key after this one goes, beside it: `release.key`, `release-2.key`, `release-3.key`, the first that is free. */
export function nextKeyFile(file: string): string {
  const { nameOf } = numbered(file);
  for (let number = 2; ; number++) if (!existsSync(nameOf(number))) return nameOf(number);
}

/** Files of keys that were made to follow this one, by their numbers, and are there. */
export function waitingKeyFiles(file: string): readonly string[] {
  const { nameOf, own } = numbered(file);
  const waiting: string[] = [];
  for (let number = own + 1; existsSync(nameOf(number)); number++) waiting.push(nameOf(number));
  return waiting;
}

/** The number of a key's file, 1 where it has none, and the names of those beside it. */
function numbered(file: string) {
  const { dir, name, ext } = path.parse(file);
  const [, stem = name, digits = '1'] = /^(.*)-(\d+)$/.exec(name) ?? [];
  return { own: Number(digits), nameOf: (number: number) => path.join(dir, `${stem}-${number}${ext}`) };
}
