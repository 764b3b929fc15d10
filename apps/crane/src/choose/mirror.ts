import { isDeepStrictEqual } from 'node:util';
import { Fault, type ManifestKind, quote } from '@gantry/oci';
import { liesOnOrBelow } from '@gantry/service';
import type { PoolObject } from '../repositories/additions.ts';
import { fnv1a } from '../fnv1a.ts';
import type { Neighbourhood } from './nearness.ts';
import { type NeighbourhoodOptions, readNeighbourhood } from './neighbourhood.ts';
import { carriedRepositories } from './repository-globs.ts';
import { type MirrorManagerOptions, readRedirector, type Redirector, type Sighting } from './redirector.ts';

/** A mirror as the configuration names it. */
export interface MirrorOptions extends NeighbourhoodOptions {
  readonly name: string;
  /** Where the mirror's copy of the tree begins; http or https. */
  readonly url: string;
  /** Present: no tree is there, but the mirrorlist of a MirrorManager. */
  readonly mirrormanager?: MirrorManagerOptions;
  /** Its share among mirrors that qualify, in proportion; 100 when absent. */
  readonly weight?: number;
  /** The operator vouches for it: it may answer tags, and it is the last resort. */
  readonly trusted?: boolean;
  /** It serves only what is asked for by a signed URL, so it may hold what is private. */
  readonly signed?: boolean;
  /** Globs over the published names that it carries; all when absent. */
  readonly repositories?: readonly string[];
}

/** What is fixed about a mirror, checked and worked out once. */
export interface Mirror extends Neighbourhood {
  readonly name: string;
  /** The beginning of every Location that names this mirror; ends with `/`. */
  readonly base: string;
  /** The end of every such Location: empty, but for a redirector. */
  readonly suffix: string;
  /** Present: it redirects further, to mirrors of its own. */
  readonly redirector?: Redirector;
  readonly weight: number;
  readonly trusted: boolean;
  readonly isSigned: boolean;
  /** 32 bits that tell this mirror from others when one is chosen; made of its name, and of the crane's seed if it has one. */
  readonly seed: number;
  /** Whether it carries a repository; absent: it carries all. */
  readonly carries?: (name: string) => boolean;
  /** The globs that `carries` goes by. */
  readonly repositories?: readonly string[];
}

/** What the prober has found out about a mirror. Immutable: a change is a new object. */
export interface MirrorState {
  readonly mirror: Mirror;
  /** Whether it is in use. */
  readonly healthy: boolean;
  /** The serial whose additions a probe has found there; 0 before any. An object is there if its `since` is no higher. */
  readonly serial: number;
  /** The manifest kinds that it was seen to serve with the right Content-Type and bytes. */
  readonly kinds: ReadonlySet<ManifestKind>;
  /** The last probe failed, and those before did not: it is in use until the next one. */
  readonly inDoubt?: true;
  /** It was out of use, and the last probe passed: it gets few requests until the next one, if others have the same. */
  readonly onTrial?: true;
  /** A client came back from it, and it is being probed: others that have the same are rather sent requests until that is through. */
  readonly suspected?: true;
  /** It came with other bytes, or not at all: it is looked at first by the next probe. */
  readonly wrong?: PoolObject;
  /** Why the last probe failed, or why a kind is not proven; absent if all is well. */
  readonly problem?: string;
  /** Of a redirector: how far its mirrors were lately, as they were seen. */
  readonly sightings?: readonly Sighting[];
  /** Of a redirector: what was found when its serial was last raised, and from which one. */
  readonly lastFound?: { readonly after: number; readonly objects: readonly PoolObject[] };
}

/** Where a mirror has a file of the tree. */
export function locationOf({ base, suffix }: Mirror, path: string): string {
  return base + path + suffix;
}

const NO_KINDS: ReadonlySet<ManifestKind> = new Set();

/** The problem of a mirror that was not looked at yet. */
export const NOT_PROBED = 'not probed yet';

/** A mirror of which nothing is known yet. */
export function unprobed(mirror: Mirror): MirrorState {
  return { mirror, healthy: false, serial: 0, kinds: NO_KINDS, problem: NOT_PROBED };
}

/** By what it is told whether a mirror is another. */
type Found = Pick<Mirror, 'name' | 'base' | 'repositories'>;

/** Whether what was found at a mirror holds for one of another configuration: another part of the tree has to be looked at. */
export function holdsFor(former: Found, mirror: Found): boolean {
  return (
    former.name === mirror.name &&
    former.base === mirror.base &&
    isDeepStrictEqual(former.repositories, mirror.repositories)
  );
}

/** What the mirrors of a crane have in common. */
export interface MirrorsOf {
  /** The crane's own public host: clients would send their credentials along to a mirror on it or below it. */
  readonly publicName?: string | undefined;
  /** Cranes with the same seed choose alike, others differently; absent: the mirrors' names alone decide. */
  readonly seed?: string | number | undefined;
}

/**
 * Checks the configured mirrors.
 * @throws Fault CONFIGURATION_INVALID, naming the mirror
 */
export function readMirrors(
  options: readonly MirrorOptions[],
  { publicName, seed }: MirrorsOf = {},
): Mirror[] {
  const names = new Set<string>();
  return options.map((option) => {
    if (option.name === '' || names.has(option.name)) {
      throw refusal(option, option.name === '' ? 'it has no name' : 'another one has the same name');
    }
    names.add(option.name);
    const weight = option.weight ?? 100;
    if (!(Number.isFinite(weight) && weight > 0)) throw refusal(option, 'its weight has to be above 0');
    const { repositories } = option;
    const carries = carriedRepositories(repositories);
    return {
      name: option.name,
      ...readPlace(option, publicName),
      weight,
      trusted: option.trusted ?? false,
      isSigned: option.signed ?? false,
      seed: fnv1a(seed === undefined ? option.name : `${seed}\n${option.name}`),
      ...readNeighbourhood(option, (why) => refusal(option, why)),
      ...(carries !== undefined && repositories !== undefined && { carries, repositories }),
    };
  });
}

function readPlace(
  option: MirrorOptions,
  publicName: string | undefined,
): Pick<Mirror, 'base' | 'suffix' | 'redirector'> {
  const url = URL.parse(option.url);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw refusal(option, `its url ${quote(option.url)} is none of http or https`);
  }
  if (url.username !== '' || url.password !== '') {
    throw refusal(option, 'its url holds credentials, which every client would see');
  }
  if (url.search !== '' || url.hash !== '')
    throw refusal(option, 'its url may have no query and no fragment');
  if (publicName !== undefined && liesOnOrBelow(url.hostname, publicName)) {
    throw refusal(
      option,
      `its host ${url.hostname} is the crane's own name ${publicName} or lies below it, so that clients would send it their credentials`,
    );
  }
  if (option.mirrormanager !== undefined) {
    if (option.signed === true) throw refusal(option, 'a MirrorManager looks for no signature');
    return readRedirector(url, option.mirrormanager);
  }
  return { base: url.href.endsWith('/') ? url.href : `${url.href}/`, suffix: '' };
}

function refusal(option: MirrorOptions, why: string): Fault {
  return new Fault('CONFIGURATION_INVALID', `the mirror ${quote(option.name)} can not be used: ${why}`, {
    mirror: option.name,
  });
}
