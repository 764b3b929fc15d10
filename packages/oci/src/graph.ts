import type { Digest } from './digest.ts';
import { Fault } from './faults.ts';
import type { Manifest } from './manifest.ts';

/** Indexes may be nested this deep, and one graph may hold this many distinct manifests. */
export const GRAPH_MAX_DEPTH = 64;
export const GRAPH_MAX_MANIFESTS = 100_000;

/** A manifest to visit. `mediaType` and `size` are as its parent's descriptor says; the root may have neither. */
export interface GraphNode {
  readonly digest: Digest;
  readonly mediaType?: string;
  readonly size?: number;
}

/**
 * Visits `root` and all manifests below it, each distinct digest once, level by level, one level in parallel: so the
 * cost is the number of distinct manifests, however many paths lead to them.
 * @param visit gives the manifest, or undefined for one that is left out on purpose (a platform that is not wanted)
 * @returns the manifests in the order of their levels
 * @throws Fault MANIFEST_INVALID past GRAPH_MAX_DEPTH or GRAPH_MAX_MANIFESTS, and whatever `visit` throws
 */
export async function walkManifests(
  root: GraphNode,
  visit: (node: GraphNode) => Promise<Manifest | undefined>,
): Promise<Manifest[]> {
  const seen = new Set<Digest>([root.digest]);
  const found: Manifest[] = [];
  let level: GraphNode[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > GRAPH_MAX_DEPTH) throw tooLarge(root, `indexes are nested deeper than ${GRAPH_MAX_DEPTH}`);
    const manifests = await Promise.all(level.map(visit));
    level = [];
    for (const manifest of manifests) {
      if (manifest === undefined) continue;
      found.push(manifest);
      for (const child of manifest.manifests) {
        if (seen.has(child.digest)) continue;
        seen.add(child.digest);
        level.push({ digest: child.digest, mediaType: child.mediaType, size: child.size });
      }
    }
    if (seen.size > GRAPH_MAX_MANIFESTS)
      throw tooLarge(root, `it holds more than ${GRAPH_MAX_MANIFESTS} distinct manifests`);
  }
  return found;
}

function tooLarge(root: GraphNode, why: string): Fault {
  return new Fault('MANIFEST_INVALID', `the manifest ${root.digest} is refused: ${why}`, {
    digest: root.digest,
  });
}
