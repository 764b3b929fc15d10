import type { StatedSerial } from '@gantry/tree';

/** The mirrorlist of a MirrorManager (github.com/adrianreber/mirrorlist-server): it knows mirrors, and redirects to one. */
export interface MirrorManagerOptions {
  /** The tree's folder as it names it. */
  readonly path: string;
  /** What was published less than so long ago its mirrors may not have yet, and for so long what was seen of them counts. */
  readonly graceMs: number;
}

/** What is special about a mirror that redirects further. */
export interface Redirector {
  readonly graceMs: number;
  /** What stands behind a path when the prober asks: unlike clients it is sent to mirrors anywhere. */
  readonly probeSuffix: string;
}

/**
 * Where a MirrorManager is asked for a file: `?path=gantry/pool/…&redirect`. It decodes no escapes in a query, which paths
 * of the tree need none of; without `redirect` it answers with a list, as text. A client that comes by https is
 * kept on it: only such mirrors of its own are named then.
 */
export function readRedirector(
  url: URL,
  { path, graceMs }: MirrorManagerOptions,
): { readonly base: string; readonly suffix: string; readonly redirector: Redirector } {
  const suffix = url.protocol === 'https:' ? '&protocol=https&redirect' : '&redirect';
  return {
    base: `${url.href}?path=${path}/`,
    suffix,
    redirector: { graceMs, probeSuffix: `&country=global${suffix}` },
  };
}

/** A serial at which one of a redirector's mirrors was seen. */
export interface Sighting {
  readonly stated: StatedSerial;
  readonly atMs: number;
}

/**
 * Adds what was seen, and forgets what is older than `keptMs`. What was seen later and lower makes an earlier one of no account:
 * so the first is the lowest, and there are no more than serials that differ.
 */
export function noteSighting(
  former: readonly Sighting[],
  seen: Sighting,
  keptMs: number,
): readonly Sighting[] {
  const serial = seen.stated.statement.serial;
  return [
    ...former.filter(({ stated, atMs }) => atMs > seen.atMs - keptMs && stated.statement.serial < serial),
    seen,
  ];
}
