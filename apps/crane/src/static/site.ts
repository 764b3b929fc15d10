import { Fault } from '@gantry/oci';
import type { ListenAddress } from '@gantry/service';
import type { TreeView } from '@gantry/tree';
import { type Mirror, type MirrorOptions, readMirrors } from '../choose/mirror.ts';

/** What a static server is to answer from. */
export interface StaticOptions {
  readonly view: TreeView;
  readonly mirrors: readonly MirrorOptions[];
  /** The public host of that server, if mirrors on it or below it are to be refused. */
  readonly name?: string;
  readonly manifests: 'redirect' | 'serve' | 'auto';
  readonly status: 302 | 307;
  /** The tree's folder, where the server reads it; absent: the tree lies elsewhere. */
  readonly folder?: string;
  /** The folder that the files will lie in, absolute. */
  readonly at: string;
  /** Where the server listens, if that stands in what is written. */
  readonly listen: ListenAddress;
}

/** The same, checked. */
export interface StaticSite extends Omit<StaticOptions, 'mirrors' | 'name' | 'manifests'> {
  /** Those that anybody may be sent to. */
  readonly mirrors: readonly Mirror[];
  /** Whether a manifest that is asked for by digest may come of a mirror that is not trusted. */
  readonly anyMirrorForDigests: boolean;
  /** Whether the server sends manifests out of the tree's folder. */
  readonly servesManifests: boolean;
  /** No mirror is configured: the server sends blobs out of the tree's folder, too. */
  readonly servesBlobs: boolean;
  /** What of the configuration a static server can not do. */
  readonly warnings: readonly string[];
}

/** A part of a file. Parts of one file follow each other, with those of other files between them. */
export interface StaticPart {
  /** Below `at`, `/` between the parts. */
  readonly file: string;
  readonly text: string;
}

/** @throws Fault CONFIGURATION_INVALID for mirrors that can't be used, or do not suffice */
export function readSite(options: StaticOptions, can: { readonly serve: boolean }): StaticSite {
  const { mirrors: given, name, manifests, folder, ...rest } = options;
  const all = readMirrors(given, { publicName: name });
  const mirrors = all.filter(isForEverybody).map(writable);
  const readsFolder = can.serve && folder !== undefined;
  const servesManifests = readsFolder && manifests !== 'redirect';
  const servesBlobs = readsFolder && mirrors.length === 0;
  if (manifests === 'serve' && !servesManifests)
    throw refuse(
      'crane.manifests',
      can.serve
        ? 'is "serve", and the tree is in no folder that the server could read: name its folder, or write "redirect"'
        : 'is "serve", and this server only redirects: write "redirect" or "auto"',
    );
  if (!servesManifests && !mirrors.some(({ trusted }) => trusted))
    throw refuse(
      'crane.mirrors',
      'has no mirror with "trusted: true", and only such a one may answer who asks for a tag: name one, or a tree in a folder that the server reads',
    );
  if (!servesBlobs && mirrors.length === 0)
    throw refuse('crane.mirrors', 'has no mirror that every client may be sent to for every object');
  for (const place of [rest.at, ...(readsFolder ? [folder] : [])])
    if (!/^\/[\w./@+, -]*$/.test(place))
      throw new Fault(
        'REQUEST_INVALID',
        `${JSON.stringify(place)} can not be written into a configuration: a path of letters, digits and ". _ - @ + ," can`,
      );
  return {
    ...rest,
    ...(readsFolder && { folder }),
    mirrors,
    anyMirrorForDigests: manifests === 'redirect',
    servesManifests,
    servesBlobs,
    warnings: warningsOf(all),
  };
}

/** A redirector's mirrors have what is new there only after a time, which a static server can't tell from what is old. */
function isForEverybody({ isPrivate, redirector }: Mirror): boolean {
  return !isPrivate && redirector === undefined;
}

/** A mirror's address, with nothing in it that a server's configuration would take for something else. */
function writable(mirror: Mirror): Mirror {
  const base = mirror.base.replaceAll(
    /[$'"\\{};]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
  return { ...mirror, base };
}

function warningsOf(mirrors: readonly Mirror[]): string[] {
  const hidden = mirrors.filter(({ isPrivate }) => isPrivate).map(({ name }) => name);
  const further = mirrors.filter(({ redirector }) => redirector !== undefined).map(({ name }) => name);
  const near = mirrors
    .filter(isForEverybody)
    .filter(({ networks, asns, countries }) => networks.length + asns.length + countries.length > 0);
  const plain = mirrors.filter((one) => isForEverybody(one) && one.base.startsWith('http:'));
  return [
    ...(plain.length === 0
      ? []
      : [
          `http, and who comes to the server by https is sent there all the same, which a crane never does: ${plain.map(({ name }) => name).join(', ')}`,
        ]),
    ...(further.length === 0
      ? []
      : [
          `left out, as they redirect to mirrors of their own, which lack what is new: ${further.join(', ')}`,
        ]),
    ...(hidden.length === 0 ? [] : [`left out, as they are private: ${hidden.join(', ')}`]),
    ...(near.length === 0
      ? []
      : [
          `used for everybody, since where a client is can not be told: ${near.map(({ name }) => name).join(', ')}`,
        ]),
  ];
}

function refuse(key: string, why: string): Fault {
  return new Fault('CONFIGURATION_INVALID', `${key} ${why}`, { key });
}
