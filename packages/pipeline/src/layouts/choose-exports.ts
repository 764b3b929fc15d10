import {
  type Descriptor,
  type Digest,
  digestOf,
  Fault,
  type Manifest,
  MANIFEST_MAX_BYTES,
  MANIFEST_MEDIA_TYPES,
  parseManifest,
  parseReference,
  parseRepositoryName,
  quote,
  splitDigest,
  subjectOfCompanionTag,
} from '@gantry/oci';
import {
  blobPath,
  decodeReferrers,
  manifestPath,
  type RepositoryDocument,
  type TreeSource,
  type TreeView,
} from '@gantry/tree';
import { type IndexEntry, layoutBlobPath } from './oci.ts';

/** An object of the tree, and where it stands in an archive. */
export interface ExportedObject {
  /** `blobs/sha256/<hex>` */
  readonly path: string;
  /** In the tree. */
  readonly pool: string;
  readonly digest: Digest;
  readonly size: number;
}

/** An image as `docker load` knows it, which reads no OCI layout in its older versions. */
export interface LoadableImage {
  readonly config: Digest;
  readonly layers: readonly Digest[];
  /** `REPO:TAG` */
  readonly names: readonly string[];
}

/** All that an archive holds. */
export interface Exported {
  /** Of `index.json`. */
  readonly entries: readonly IndexEntry[];
  readonly images: readonly LoadableImage[];
  /** Each once, sorted by their paths. */
  readonly objects: readonly ExportedObject[];
  /** Of the objects. */
  readonly bytes: number;
}

/**
 * What is to be exported, and all that belongs to it.
 * @param references `REPO`, `REPO:TAG` or `REPO@DIGEST`
 * @param withReferrers whether what refers to an image comes along: by the API, or by a companion tag
 * @throws Fault NAME_UNKNOWN, MANIFEST_UNKNOWN for what is not in the tree; NAME_INVALID, TAG_INVALID, DIGEST_INVALID;
 * CONTENT_CORRUPT, UNAVAILABLE when it can't be read
 */
export async function chooseExports(
  view: TreeView,
  source: TreeSource,
  references: readonly string[],
  withReferrers: boolean,
): Promise<Exported> {
  const wanted = new Map<string, Wish[]>();
  for (const text of references) {
    const { repository, wish } = parseWish(text);
    wanted.set(repository, [...(wanted.get(repository) ?? []), wish]);
  }
  const chosen: Choice[] = [];
  for (const [name, wishes] of wanted) {
    const repository = await view.repository(name);
    if (repository === undefined) throw unknown('NAME_UNKNOWN', name, view, source);
    const choice = new Choice(repository, view, source);
    for (const wish of wishes) await choice.add(wish);
    if (withReferrers) await choice.addReferring();
    chosen.push(choice);
  }
  const objects = new Map(chosen.flatMap((choice) => [...choice.objects]));
  const sorted = [...objects.values()].toSorted((a, b) => compare(a.path, b.path));
  return {
    entries: chosen.flatMap((choice) => choice.entries()).toSorted(compareEntries),
    images: mergeNames(chosen.flatMap((choice) => choice.images())),
    objects: sorted,
    bytes: sorted.reduce((sum, { size }) => sum + size, 0),
  };
}

/** One image that stands in two repositories is loaded once, under all of its names. */
function mergeNames(images: readonly LoadableImage[]): LoadableImage[] {
  const byContent = Map.groupBy(images, ({ config, layers }) => [config, ...layers].join());
  return [...byContent]
    .toSorted(([a], [b]) => compare(a, b))
    .flatMap(([, same]) => {
      const [first] = same;
      const names = [...new Set(same.flatMap((image) => image.names))].toSorted(compare);
      return first === undefined ? [] : [{ ...first, names }];
    });
}

type Wish = { readonly all: true } | { readonly tag: string } | { readonly digest: Digest };

function parseWish(text: string): { repository: string; wish: Wish } {
  if (!/[@:]/.test(text)) return { repository: parseRepositoryName(text), wish: { all: true } };
  const { repository, ...wish } = parseReference(text);
  return { repository, wish };
}

/** What is chosen of one repository. */
class Choice {
  /** By their paths in the archive. */
  readonly objects = new Map<string, ExportedObject>();
  readonly #repository: RepositoryDocument;
  readonly #view: TreeView;
  readonly #source: TreeSource;
  readonly #manifests = new Map<Digest, Manifest>();
  /** What was asked for, and companions: by what they are called. */
  readonly #named = new Map<string, Digest>();
  readonly #referring = new Map<Digest, IndexEntry>();

  constructor(repository: RepositoryDocument, view: TreeView, source: TreeSource) {
    this.#repository = repository;
    this.#view = view;
    this.#source = source;
  }

  async add(wish: Wish): Promise<void> {
    const { name, tags, manifests } = this.#repository;
    if ('all' in wish) {
      for (const tag of tags.keys()) await this.add({ tag });
      return;
    }
    const called = 'tag' in wish ? `${name}:${wish.tag}` : `${name}@${wish.digest}`;
    const digest = 'tag' in wish ? tags.get(wish.tag) : wish.digest;
    if (digest === undefined || !manifests.has(digest))
      throw unknown('MANIFEST_UNKNOWN', called, this.#view, this.#source);
    this.#named.set(called, digest);
    await this.#take(digest);
  }

  /** What refers to the chosen, and what refers to that, until nothing new turns up. */
  async addReferring(): Promise<void> {
    const { tags, referrers, manifests } = this.#repository;
    const companions = Map.groupBy(tags.keys(), (tag) => subjectOfCompanionTag(tag));
    // A Map gives what is added while it is walked, too.
    for (const subject of this.#manifests.keys()) {
      for (const tag of companions.get(subject) ?? []) await this.add({ tag });
      const document = referrers.get(subject);
      if (document === undefined) continue;
      for (const { mediaType, digest, size, artifactType } of decodeReferrers(
        await this.#view.document(document),
      )) {
        if (!manifests.has(digest)) continue;
        this.#referring.set(digest, { mediaType, digest, size, artifactType });
        await this.#take(digest);
      }
    }
  }

  entries(): IndexEntry[] {
    const named = [...this.#named].map(([refName, digest]): IndexEntry => {
      const { kind, size } = this.#manifests.get(digest) as Manifest;
      return { mediaType: MANIFEST_MEDIA_TYPES[kind], digest, size, refName };
    });
    const seen = new Set(this.#named.values());
    return [...named, ...[...this.#referring.values()].filter(({ digest }) => !seen.has(digest))];
  }

  images(): LoadableImage[] {
    const byDigest = Map.groupBy(this.#named, ([, digest]) => this.#loadable(digest));
    return [...byDigest].flatMap(([image, named]): LoadableImage[] => {
      if (image?.config === undefined) return [];
      const names = named.map(([name]) => name).filter((name) => !name.includes('@') && !isCompanion(name));
      if (names.length === 0 && named.every(([name]) => !name.includes('@'))) return [];
      const [config, ...layers] = image.blobs.map(({ digest }) => digest);
      if (config === undefined || !image.blobs.every((blob) => this.#hasBlob(blob))) return [];
      return [{ config, layers, names }];
    });
  }

  /** The image of a manifest, or of an index the one for linux/amd64, else the first. */
  #loadable(digest: Digest): Manifest | undefined {
    const manifest = this.#manifests.get(digest);
    if (manifest === undefined) return undefined;
    if (manifest.config !== undefined)
      return IMAGE_CONFIGS.has(manifest.config.mediaType) ? manifest : undefined;
    const children = manifest.manifests.filter((child) => this.#manifests.has(child.digest));
    const child =
      children.find(({ platform }) => platform?.os === 'linux' && platform.architecture === 'amd64') ??
      children.find(({ platform }) => platform?.os !== 'unknown');
    return child && this.#loadable(child.digest);
  }

  #hasBlob({ digest }: Descriptor): boolean {
    return this.#repository.blobs.has(digest);
  }

  /** A manifest and all below it that the tree has: some platforms of an index, and foreign layers, may not be there. */
  async #take(digest: Digest): Promise<void> {
    const entry = this.#repository.manifests.get(digest);
    if (entry === undefined || this.#manifests.has(digest)) return;
    const pool = manifestPath(entry.kind, digest);
    const bytes = await readManifest(this.#source, pool, digest);
    const manifest = parseManifest(bytes, MANIFEST_MEDIA_TYPES[entry.kind], digest);
    this.#manifests.set(digest, manifest);
    this.#put({ path: layoutBlobPath(digest), pool, digest, size: entry.size });
    for (const { digest: blob } of manifest.blobs) {
      const size = this.#repository.blobs.get(blob)?.size;
      if (size !== undefined)
        this.#put({ path: layoutBlobPath(blob), pool: blobPath(blob), digest: blob, size });
    }
    for (const child of manifest.manifests) await this.#take(child.digest);
  }

  #put(object: ExportedObject): void {
    this.objects.set(object.path, object);
  }
}

/** What an image's config is, and no artifact's. */
const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  'application/vnd.docker.container.image.v1+json',
  'application/vnd.oci.image.config.v1+json',
]);

function isCompanion(name: string): boolean {
  return subjectOfCompanionTag(name.slice(name.lastIndexOf(':') + 1)) !== undefined;
}

async function readManifest(source: TreeSource, path: string, digest: Digest): Promise<Uint8Array> {
  const bytes = await source.read(path, MANIFEST_MAX_BYTES);
  if (bytes !== undefined && digestOf(bytes, splitDigest(digest).algorithm) === digest) return bytes;
  if (bytes === undefined) throw absent(source, path);
  throw corrupt(source, path);
}

/** For an object that the tree names, and that is not there. */
export function absent(source: TreeSource, path: string): Fault {
  return new Fault('UNAVAILABLE', `${path} is not in ${source.name}, which names it`, { path });
}

/** For an object whose bytes are not those of its name. */
export function corrupt(source: TreeSource, path: string): Fault {
  return new Fault('CONTENT_CORRUPT', `${path} of ${source.name} is not what its digest says`, { path });
}

function unknown(
  code: 'NAME_UNKNOWN' | 'MANIFEST_UNKNOWN',
  what: string,
  { statement }: TreeView,
  source: TreeSource,
): Fault {
  return new Fault(code, `${quote(what)} is not in ${source.name} at serial ${statement.serial}`, {
    serial: statement.serial,
  });
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Names first. */
function compareEntries(a: IndexEntry, b: IndexEntry): number {
  if (a.refName !== undefined && b.refName !== undefined) return compare(a.refName, b.refName);
  if (a.refName === undefined && b.refName === undefined) return compare(a.digest, b.digest);
  return a.refName === undefined ? 1 : -1;
}
