import { Fault, quote } from '@gantry/oci';
import { parsePath } from '@gantry/tree';

/** Holds a path that is to be removed to the pool: no list, statement or pointer is ever taken away with it. @throws Fault TREE_INVALID */
export function poolPath(path: string): string {
  const parsed = parsePath(path);
  if (parsed !== undefined && 'digest' in parsed) return path;
  throw new Fault('TREE_INVALID', `${quote(path)} is no path of the pool`, { path: path.slice(0, 300) });
}

/** Holds a path that is to be removed to the pool and the lists. @throws Fault TREE_INVALID */
export function poolOrListPath(path: string): string {
  const type = parsePath(path)?.type;
  return type === 'list' || type === 'full-list' ? path : poolPath(path);
}
