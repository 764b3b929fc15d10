import { liesOnOrBelow } from '@gantry/service';
import { type CdnOptions, createCdn } from './cdn.ts';
import { type RedirectFile, WrongFile } from './redirect-file.ts';

/** Tells which hosts the redirects of a file lead to; none if all it tells of is served here. */
export type LeadsTo = (file: RedirectFile) => readonly string[];

/** What follows the `url` of a file in a Location: a rewriting may span both. */
const BELOW = ['', 'blobs/', 'tags/list', 'manifests/', 'manifests/1/', 'manifests/2/', 'manifests/list/'];

/** @param served what of the files is not redirected, of today's API and of the one before */
export function createLeadsTo(
  { rewrite }: CdnOptions,
  served: { readonly paths: boolean; readonly images: boolean },
): LeadsTo {
  const fit = rewrite === undefined ? undefined : createCdn({ rewrite });
  return (file) => {
    if (file.api === 1 ? served.images : served.paths) return [];
    // The original rewrites nothing of the API before.
    const urls = fit === undefined || file.api === 1 ? [file.base] : BELOW.map((end) => fit(file.base + end));
    return [...new Set(urls.flatMap((url) => URL.parse(url)?.host ?? []))];
  };
}

/**
 * Clients would send the credentials that they have for the crane's own host along to that host and to all below it.
 * @throws WrongFile
 */
export function refuseOwnName(hosts: readonly string[], publicName: string | undefined): void {
  if (publicName === undefined) return;
  const own = hosts.find((host) => liesOnOrBelow(new URL(`http://${host}`).hostname, publicName));
  if (own === undefined) return;
  throw new WrongFile(
    `leads to ${own}, which is crane.name, ${publicName}, or lies below it, so that clients would send it their credentials`,
  );
}
