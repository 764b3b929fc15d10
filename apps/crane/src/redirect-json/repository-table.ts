import type { LeadsTo } from './leads-to.ts';
import type { ImagesFile, PathsFile, RedirectFile } from './redirect-file.ts';

/** A redirect file that was read, and where it lies. */
export interface PlacedFile {
  /** The place of its directory among those that are configured. */
  readonly directory: number;
  readonly path: string;
  readonly file: RedirectFile;
}

/** Two files for one name: just the first is served. */
export interface Duplicate {
  readonly name: string;
  readonly served: string;
  readonly left: string;
}

/** What is served of redirect files, by their repositories' names. */
export interface RepositoryTable {
  /** Of version 2 to 4. */
  paths(name: string): PathsFile | undefined;
  /** Of version 1. */
  images(name: string): ImagesFile | undefined;
  /** The repositories of version 1 that have an image. */
  holders(imageId: string): Iterable<ImagesFile>;
  allPaths(): Iterable<PathsFile>;
  allImages(): Iterable<ImagesFile>;
  /**
   * What is looked at in place of the file of a name that has none: one that is protected, if there is any. Another for another
   * name, as what is always looked at would be at hand sooner than what is hidden.
   */
  standIn(name: string): Pick<RedirectFile, 'isProtected' | 'contentPath'>;
  duplicates(): readonly Duplicate[];
  /** The hosts that the served files lead to, sorted. */
  hosts(): readonly string[];
  /** Takes a file in place of the one that was known at its path. */
  put(placed: PlacedFile): void;
  remove(path: string): void;
  /** Grows with each change. */
  readonly changes: number;
}

/**
 * Changes file by file, so that one of many takes no time. Of several files for one name that of the directory which is
 * configured first is served, and of one directory the one whose path comes first by its code units, whenever they came.
 */
export function createRepositoryTable(
  onDuplicate: (duplicate: Duplicate) => void,
  leadsTo: LeadsTo = () => [],
): RepositoryTable {
  const byPath = new Map<string, PlacedFile>();
  const served = { 1: new Map<string, PlacedFile>(), 2: new Map<string, PlacedFile>() };
  /** All files of the names that several have, the served one first. */
  const claims = { 1: new Map<string, PlacedFile[]>(), 2: new Map<string, PlacedFile[]>() };
  const byImage = new Map<string, Set<ImagesFile>>();
  /** How many served files lead to each host. */
  const hosts = new Map<string, number>();
  let changes = 0;
  let standIns: { readonly changes: number; readonly files: readonly RedirectFile[] } | undefined;

  const serve = (name: string, api: 1 | 2, next: PlacedFile | undefined): void => {
    const former = served[api].get(name)?.file;
    if (former?.api === 1) for (const id of former.imageIds) dropHolder(id, former);
    if (former !== undefined) countHosts(former, -1);
    if (next !== undefined) countHosts(next.file, 1);
    if (next === undefined) served[api].delete(name);
    else served[api].set(name, next);
    if (next?.file.api === 1) for (const id of next.file.imageIds) addHolder(id, next.file);
  };
  const countHosts = (file: RedirectFile, by: 1 | -1): void => {
    for (const host of leadsTo(file)) {
      const count = (hosts.get(host) ?? 0) + by;
      if (count === 0) hosts.delete(host);
      else hosts.set(host, count);
    }
  };
  const dropHolder = (id: string, file: ImagesFile): void => {
    const holders = byImage.get(id);
    holders?.delete(file);
    if (holders?.size === 0) byImage.delete(id);
  };
  const addHolder = (id: string, file: ImagesFile): void => {
    byImage.getOrInsertComputed(id, () => new Set()).add(file);
  };

  const claimsOf = ({ name, api }: RedirectFile): readonly PlacedFile[] => {
    const alone = served[api].get(name);
    return claims[api].get(name) ?? (alone === undefined ? [] : [alone]);
  };
  const setClaims = ({ name, api }: RedirectFile, all: readonly PlacedFile[]): void => {
    const sorted = all.toSorted(byPrecedence);
    if (sorted.length > 1) claims[api].set(name, sorted);
    else claims[api].delete(name);
    serve(name, api, sorted[0]);
  };
  const remove = (path: string): void => {
    const former = byPath.get(path);
    if (former === undefined) return;
    changes++;
    byPath.delete(path);
    setClaims(
      former.file,
      claimsOf(former.file).filter((one) => one !== former),
    );
  };

  const standIn = (name: string): Pick<RedirectFile, 'isProtected' | 'contentPath'> => {
    if (standIns?.changes !== changes) {
      const all = [...served[1].values(), ...served[2].values()].map(({ file }) => file);
      standIns = { changes, files: all.filter(({ isProtected }) => isProtected) };
    }
    const { files } = standIns;
    const number = name.charCodeAt(name.length - 1) * 31 + name.charCodeAt(name.length >> 1) + name.length;
    return files[number % files.length] ?? NO_FILE;
  };

  const duplicateOf = ({ name, api }: RedirectFile, left: PlacedFile): Duplicate => ({
    name,
    served: (served[api].get(name) as PlacedFile).path,
    left: left.path,
  });

  return {
    paths: (name) => served[2].get(name)?.file as PathsFile | undefined,
    images: (name) => served[1].get(name)?.file as ImagesFile | undefined,
    holders: (imageId) => byImage.get(imageId) ?? [],
    allPaths: () =>
      served[2]
        .values()
        .map(({ file }) => file)
        .filter((file) => file.api === 2),
    allImages: () =>
      served[1]
        .values()
        .map(({ file }) => file)
        .filter((file) => file.api === 1),
    standIn,
    duplicates: () =>
      [...claims[1].values(), ...claims[2].values()].flatMap(([, ...left]) =>
        left.map((one) => duplicateOf(one.file, one)),
      ),
    hosts: () => [...hosts.keys()].toSorted(),
    put(placed) {
      remove(placed.path);
      changes++;
      byPath.set(placed.path, placed);
      const others = claimsOf(placed.file);
      setClaims(placed.file, [...others, placed]);
      for (const left of claims[placed.file.api].get(placed.file.name)?.slice(1) ?? [])
        if (left === placed || others[0] === left) onDuplicate(duplicateOf(placed.file, left));
    },
    remove,
    get changes() {
      return changes;
    },
  };
}

const NO_FILE = { isProtected: true, contentPath: '/' } as const;

function byPrecedence(a: PlacedFile, b: PlacedFile): number {
  if (a.directory !== b.directory) return a.directory - b.directory;
  return a.path < b.path ? -1 : 1;
}
