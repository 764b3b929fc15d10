import { Fault, quote } from '@gantry/oci';
import { createS3Client, type S3Client, type S3Configuration } from '@gantry/store/s3';
import type { ListingSource } from '@gantry/tree';

/** A tree in a bucket, for reading. @throws Fault CONFIGURATION_INVALID */
export async function openS3Tree(configuration: S3Configuration): Promise<ListingSource> {
  return s3Tree(await createS3Client(configuration));
}

/** A tree in a bucket, or in it below a prefix. */
export function s3Tree(client: S3Client): ListingSource {
  const prefix = client.keyOf('');
  const name = prefix === '' ? client.name : `${quote(prefix.slice(0, -1))} in ${client.name}`;
  return {
    name,
    async read(path, maxBytes) {
      try {
        return (await client.read(checked(path), maxBytes))?.bytes;
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== 'SIZE_INVALID') throw error;
        throw new Fault('TREE_INVALID', error.message, { ...error.details, path }, { cause: error });
      }
    },
    async stat(path) {
      const found = await client.head(checked(path));
      if (found === undefined) return undefined;
      const { sizeBytes, contentType = '', contentEncoding, cacheControl } = found;
      return {
        size: sizeBytes,
        contentType,
        ...(contentEncoding !== undefined && { contentEncoding }),
        ...(cacheControl !== undefined && { cacheControl }),
      };
    },
    open: async (path) => (await client.open(checked(path)))?.body,
    async *list(folder) {
      const start = folder === '' ? '' : `${checked(folder)}/`;
      for await (const { path, sizeBytes } of client.list(start)) yield { path, size: sizeBytes };
    },
  };
}

/** @throws Fault TREE_INVALID for a path that could lead out of the tree, once it is part of a URL */
function checked(path: string): string {
  const parts = path.split('/');
  if (!/[\0\\]/.test(path) && parts.every((part) => part !== '' && part !== '.' && part !== '..'))
    return path;
  throw new Fault('TREE_INVALID', `${quote(path)} is no path within a tree`, { path: path.slice(0, 300) });
}
