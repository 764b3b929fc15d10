import type { Reader } from '../private/reader.ts';
import type { RedirectFile } from './redirect-file.ts';

/** Whether the repository of a redirect file exists for somebody. */
export function mayReadFile(reader: Reader, { name, isProtected, contentPath }: RedirectFile): boolean {
  return reader.mayRead(name) && (!isProtected || reader.mayReadContent(name, contentPath));
}
