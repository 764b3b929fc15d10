import { cacheControlOf, contentTypeOf } from '@gantry/tree';

/** What an object of the tree is stored with: it is served so, by S3 itself or by what stands before it. */
export function headersFor(path: string): { readonly contentType: string; readonly cacheControl: string } {
  return {
    contentType: contentTypeOf(path) ?? 'application/octet-stream',
    cacheControl: cacheControlOf(path),
  };
}
