/** What the file of any version says of its repository. */
interface Described {
  /** The name that clients use: `repo-registry-id`. */
  readonly name: string;
  /** Pulp's own id, which is the repository's folder where content is served from a disk. */
  readonly repository: string;
  /** The beginning of every Location; ends with `/`. */
  readonly base: string;
  /** The path of `url` as it is written, by which the original guards what is protected. */
  readonly contentPath: string;
  readonly isProtected: boolean;
}

/** A file of version 1, for the API of Docker before 1.6. */
export interface ImagesFile extends Described {
  readonly api: 1;
  readonly imageIds: readonly string[];
  readonly tags: ReadonlyMap<string, string>;
  /** `images` and `tags`, as JSON. */
  readonly imagesText: string;
  readonly tagsText: string;
}

/** A file of version 2, 3 or 4, for the API of today. */
export interface PathsFile extends Described {
  readonly api: 2;
  /** Absent: the file is of version 2, and manifests are not told apart by their kinds. */
  readonly manifests?: KnownManifests;
}

export type RedirectFile = ImagesFile | PathsFile;

/** What a file of version 3 or 4 knows of manifests. Tags and digests stand mixed. */
export interface KnownManifests {
  readonly schema2: ReadonlySet<string>;
  readonly lists: ReadonlySet<string>;
  /** Of a list's tag, its image for linux/amd64. */
  readonly amd64: ReadonlyMap<string, { readonly digest: string; readonly version: 1 | 2 }>;
}

/** What is wrong with a file; the message goes on from the file's name. */
export class WrongFile extends Error {}

type Members = Readonly<Record<string, unknown>>;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads a redirect file of Pulp, of version 1 to 4. Members that it should not have are passed over.
 * @param isName whether a text may be the name of a repository
 * @throws WrongFile for what can't be taken
 */
export function readRedirectFile(bytes: Uint8Array, isName: (text: string) => boolean): RedirectFile {
  const members = parse(bytes);
  const { version } = members;
  if (version !== 1 && version !== 2 && version !== 3 && version !== 4)
    throw new WrongFile(
      version === undefined ? 'has no version' : `is of version ${shown(version)}: 1 to 4 are known`,
    );
  const described = readDescription(members, isName);
  if (version === 1) return { api: 1, ...described, ...readImages(members) };
  if (version === 2) return { api: 2, ...described };
  const manifests: KnownManifests = {
    schema2: new Set(textsOf(members, 'schema2_data')),
    lists: new Set(version === 4 ? textsOf(members, 'manifest_list_data') : []),
    amd64: version === 4 ? readAmd64(members) : new Map(),
  };
  return { api: 2, ...described, manifests };
}

function parse(bytes: Uint8Array): Members {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (error) {
    throw new WrongFile(error instanceof SyntaxError ? 'is not JSON' : 'is not UTF-8');
  }
  if (!isMembers(value)) throw new WrongFile('is no JSON object');
  return value;
}

function readDescription(members: Members, isName: (text: string) => boolean): Described {
  const name = textOf(members, 'repo-registry-id');
  if (!isName(name))
    throw new WrongFile(`has the repo-registry-id ${shown(name)}, which is no name of a repository`);
  const repository = textOf(members, 'repository');
  if (!isFolder(repository))
    throw new WrongFile(`has the repository ${shown(repository)}, which can not be the name of a folder`);
  const url = textOf(members, 'url');
  const [, contentPath] = URL_PARTS.exec(url) ?? [];
  if (contentPath === undefined || !URL.canParse(url))
    throw new WrongFile(
      `has the url ${shown(withoutUser(url))}: it must be http:// or https://, a host and a path, all of it encoded, and without credentials`,
    );
  const { protected: isProtected = false } = members;
  if (typeof isProtected !== 'boolean')
    throw new WrongFile(`has protected ${shown(isProtected)}: it must be true or false`);
  return { name, repository, base: url.endsWith('/') ? url : `${url}/`, contentPath, isProtected };
}

/** An address without credentials, query and fragment, in characters that a header may have; and its path. */
const URL_PARTS = /^https?:\/\/[^/?#@\\\s]+((?:\/[!"$-.0->@-~]*)*)$/i;

function isFolder(path: string): boolean {
  return (
    !path.includes('\0') && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

function readImages(members: Members): Omit<ImagesFile, 'api' | keyof Described> {
  const images = listOf(members, 'images');
  const imageIds = images.map((image) => {
    if (!isMembers(image) || typeof image['id'] !== 'string')
      throw new WrongFile('has images of which one has no id');
    return image['id'];
  });
  const tags = new Map<string, string>();
  for (const [tag, id] of Object.entries(mapOf(members, 'tags'))) {
    if (typeof id !== 'string') throw new WrongFile(`has the tag ${shown(tag)}, which names no image`);
    tags.set(tag, id);
  }
  return {
    imageIds,
    tags,
    imagesText: JSON.stringify(images),
    tagsText: JSON.stringify(members['tags']),
  };
}

function readAmd64(members: Members): KnownManifests['amd64'] {
  const amd64 = new Map<string, { digest: string; version: 1 | 2 }>();
  for (const [tag, entry] of Object.entries(mapOf(members, 'manifest_list_amd64_tags'))) {
    const [digest, version] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (typeof digest !== 'string' || !isPart(digest) || (version !== 1 && version !== 2))
      throw new WrongFile(`has in manifest_list_amd64_tags for ${shown(tag)} no digest with 1 or 2`);
    amd64.set(tag, { digest, version });
  }
  return amd64;
}

/** Whether a text can stand in a path as it is. */
function isPart(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9:._+-]*$/.test(text);
}

function textOf(members: Members, key: string): string {
  const value = members[key];
  if (typeof value === 'string' && value !== '') return value;
  throw lacking(key, value, 'must be a text');
}

function listOf(members: Members, key: string): readonly unknown[] {
  const value = members[key];
  if (Array.isArray(value)) return value as unknown[];
  throw lacking(key, value, 'must be a list');
}

function textsOf(members: Members, key: string): readonly string[] {
  const values = listOf(members, key);
  if (values.every((value) => typeof value === 'string')) return values;
  throw new WrongFile(`has in ${key} what is no text: tags and digests are expected`);
}

function mapOf(members: Members, key: string): Members {
  const value = members[key];
  if (isMembers(value)) return value;
  throw lacking(key, value, 'must be a map');
}

function lacking(key: string, value: unknown, expected: string): WrongFile {
  return new WrongFile(
    value === undefined ? `has no ${key}` : `has the ${key} ${shown(value)}: it ${expected}`,
  );
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What stands before the last `@` of what should be an address may be a password, in whatever way it is wrong. */
function withoutUser(url: string): string {
  return url.replace(/^(https?:\/*)?.*@/is, '$1***@');
}

/** A value as messages show it: without the credentials that an address may hold, its query being one. */
function shown(value: unknown): string {
  const whole = JSON.stringify(value)
    .replaceAll(/:\/\/(?:[^"\\]|\\.)*@/g, '://***@')
    .replaceAll(/(:\/\/(?:[^"?\\]|\\.)*\?)(?:[^"\\]|\\.)*/g, '$1***');
  return whole.length > 100 ? `${whole.slice(0, 100)}…` : whole;
}
