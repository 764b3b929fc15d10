import { existsSync } from 'node:fs';
import path from 'node:path';

/** Where the key after this one goes, beside it: `release.key`, `release-2.key`, `release-3.key`, the first that is free. */
export function nextKeyFile(file: string): string {
  const { dir, name, ext } = path.parse(file);
  const stem = name.replace(/-\d+$/, '');
  for (let number = 2; ; number++) {
    const next = path.join(dir, `${stem}-${number}${ext}`);
    if (!existsSync(next)) return next;
  }
}
