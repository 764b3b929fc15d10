import type { Reader } from '../private/reader.ts';
import type { RedirectFile } from './redirect-file.ts';
import type { RepositoryTable } from './repository-table.ts';

/** Whether the repository of a redirect file exists for somebody. */
export function mayReadFile(reader: Reader, { name, isProtected, contentPath }: RedirectFile): boolean {
  return reader.mayRead(name) && (!isProtected || reader.mayReadContent(name, contentPath));
}

/**
 * The file of a name that somebody asks for, if there is one and it exists for them. Each check is made for each name, where
 * there is no file with the path of another that is hidden: what is hidden takes as long as what is not there.
 */
export function readableFile<File extends RedirectFile>(
  reader: Reader,
  name: string,
  file: File | undefined,
  table: Pick<RepositoryTable, 'standIn'>,
): File | undefined {
  const standIn = table.standIn(name);
  const { isProtected, contentPath } = file ?? standIn;
  const mayRead = reader.mayRead(name);
  const mayReadContent = reader.mayReadContent(name, contentPath);
  return mayRead && (!isProtected || mayReadContent) ? file : undefined;
}
