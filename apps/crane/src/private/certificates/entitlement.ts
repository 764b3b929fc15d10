import type { X509Certificate } from 'node:crypto';
import { extensionsOf } from './extensions.ts';
import { unpackPaths } from './packed-paths.ts';
import { addPath, coversPath, newPathNode, type PathNode } from './path-words.ts';

/** Extensions of entitlement certificates, as Candlepin issues them. */
const NAMESPACE = '1.3.6.1.4.1.2312.9';
const VERSION = `${NAMESPACE}.6`;
const PACKED_PATHS = `${NAMESPACE}.7`;
/** Of version 1: one for the address of each content, `….2.<content>.1.6`. */
const CONTENT_PATH = /^1\.3\.6\.1\.4\.1\.2312\.9\.2\.\d+\.1\.6$/;

/** What a certificate says that its holder may have. */
export interface Entitlement {
  /** Whether a path is one of those that it names, or lies below one. */
  covers(path: string): boolean;
  /** Whether an extension holds just this text. */
  holds(oid: string, value: string): boolean;
}

/** Reads it; of a certificate that is no entitlement, it covers nothing. @throws Error for one that can not be read */
export function entitlementOf(certificate: X509Certificate): Entitlement {
  const extensions = extensionsOf(certificate.raw);
  const paths = pathsIn(extensions);
  return {
    covers: (path) => coversPath(paths, path),
    holds: (oid, value) => extensions.get(oid)?.toString('utf8') === value,
  };
}

function pathsIn(extensions: ReadonlyMap<string, Buffer>): PathNode {
  const major = extensions.get(VERSION)?.toString('utf8').split('.', 1)[0] ?? '1';
  const packed = extensions.get(PACKED_PATHS);
  if (major === '3') return packed === undefined ? newPathNode() : unpackPaths(packed);
  const root = newPathNode();
  for (const [oid, value] of extensions) if (CONTENT_PATH.test(oid)) addPath(root, value.toString('utf8'));
  return root;
}
