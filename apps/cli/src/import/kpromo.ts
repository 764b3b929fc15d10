import { isDigest, isRepositoryName, isTag } from '@gantry/oci';
import type { KeyPath } from '@gantry/service';
import { parseImageReference } from './image-reference.ts';
import { createRemarks, type Imported, type Importer, type Origin, type Remarks } from './imported.ts';
import { Keys } from './read-keys.ts';
import { beginningOf, isLoopbackHost, registryKeys } from './registry-settings.ts';
import { sourceNames } from './source-names.ts';

/**
 * Reads a promoter manifest of Kubernetes' promo-tools (`kpromo cip`, docs/image-promotion.md): a thin one with its images put
 * into it. The registry to promote from becomes a source, each other name to promote to a channel, and each digest a promotion to
 * run.
 * @throws Fault REQUEST_INVALID
 */
export const importKpromo: Importer = (value): Imported => {
  const remarks = createRemarks();
  const file = new Keys(value, []);
  const registries = readRegistries(file, remarks);
  if (file.text('imagesPath') !== undefined)
    remarks.changed(
      file.at('imagesPath'),
      'does nothing, as with kpromo: ../../images is where images stand',
    );
  const wanted = readImages(file, remarks);
  tellOthers(file, remarks);
  const [from, ...others] = registries.filter(({ isSource }) => isSource);
  const to = registries.filter(({ isSource }) => !isSource);
  // Of one with a wrong name it was said already; what it is would be counted wrongly here.
  const isWhole = registries.length === file.list('registries').length;
  if (isWhole && (from === undefined || others.length > 0))
    remarks.wrong(file.at('registries'), 'one of them, and no more, has src: true');
  if (isWhole && to.length === 0)
    remarks.wrong(file.at('registries'), 'all have src: true: nothing is promoted');
  if (from === undefined) return { sources: [], remarks: remarks.all };
  const images = wanted.filter(({ name, path }) => {
    if (isRepositoryName(`${from.base}${name}`)) return true;
    remarks.lost([...path, 'name'], 'is no name of a repository: it is left out');
    return false;
  });
  const entry = {
    name: sourceNames()(from.name),
    ...registryKeys(from.host, { isPlain: isLoopbackHost(from.host) }),
    repositories: images.map(({ name }) => `${from.base}${name}`),
    ...(from.base !== '' && { rename: { from: beginningOf(from.base), to: '' } }),
    referrers: false,
  };
  const { channels, origins } = channelsOf(to, images, remarks);
  return {
    sources: images.length > 0 ? [{ from: from.path, entry }] : [],
    sections: { channels },
    origins,
    remarks: remarks.all,
  };
};

interface Registry {
  readonly path: KeyPath;
  readonly name: string;
  readonly host: string;
  /** What goes before an image's name there, with its last slash. */
  readonly base: string;
  readonly isSource: boolean;
}

function readRegistries(file: Keys, remarks: Remarks): readonly Registry[] {
  return file.entries('registries').flatMap((keys) => {
    const name = keys.text('name') ?? '';
    const isSource = keys.flag('src') ?? false;
    if (keys.text('service-account') !== undefined) {
      if (isSource)
        remarks.lost(keys.at('service-account'), 'accounts are not taken: write credentials into the source');
      else
        remarks.changed(
          keys.at('service-account'),
          'nothing is pushed there: who may promote to the channel is said under api.tokens',
        );
    }
    tellOthers(keys, remarks);
    const example = parseImageReference(`${name}/x`);
    if (name !== '' && example !== undefined)
      return [
        { path: keys.path, name, host: example.registry, base: example.repository.slice(0, -1), isSource },
      ];
    remarks.wrong(keys.at('name'), 'is no registry, nor one with a path: write registry.example.org/team');
    return [];
  });
}

interface Image {
  readonly path: KeyPath;
  readonly name: string;
  readonly digests: readonly {
    readonly path: KeyPath;
    readonly digest: string;
    readonly tags: readonly string[];
  }[];
}

function readImages(file: Keys, remarks: Remarks): readonly Image[] {
  const seen = new Set<string>();
  return file.entries('images').flatMap((keys) => {
    const name = keys.text('name') ?? '';
    if (seen.has(name)) remarks.wrong(keys.at('name'), 'stands here twice: kpromo would take the last alone');
    seen.add(name);
    const digests = readDigests(keys.keys('dmap'), remarks);
    tellOthers(keys, remarks);
    if (digests.length > 0) return [{ path: keys.path, name, digests }];
    remarks.lost(keys.at('dmap'), 'has nothing to promote: the image is left out');
    return [];
  });
}

function readDigests(dmap: Keys, remarks: Remarks): Image['digests'] {
  const owners = new Map<string, string>();
  return dmap.names.flatMap((digest) => {
    const path = dmap.at(digest);
    const tags = dmap.value(digest) === undefined ? [] : dmap.texts(digest);
    if (!isDigest(digest)) remarks.wrong(path, 'is no digest');
    for (const [index, tag] of tags.entries()) {
      const owner = owners.get(tag) ?? digest;
      if (!isTag(tag)) remarks.wrong([...path, index], 'is no tag');
      else if (owner !== digest) remarks.wrong([...path, index], `is a tag of ${owner} too`);
      owners.set(tag, owner);
    }
    if (tags.length > 0) return [{ path, digest, tags }];
    remarks.lost(path, 'has no tag, and is left out: a digest is promoted under tags');
    return [];
  });
}

/** A channel for each name that images get, with the promotions to it. */
function channelsOf(to: readonly Registry[], images: readonly Image[], remarks: Remarks) {
  const nameOf = sourceNames();
  const channels: { readonly name: string; readonly prefix: string }[] = [];
  const origins: Origin[] = [];
  for (const { path, name: registry, base } of to) {
    if (channels.some(({ prefix }) => prefix === base)) {
      remarks.changed(path, 'has the names of a channel above: mirrors bring one tree to many places');
      continue;
    }
    // A channel's name is more than a number.
    const name = nameOf(/[^\d/]/.test(base) ? base : registry);
    origins.push({
      at: ['channels', channels.length],
      from: path,
      commands: images.flatMap((image) =>
        image.digests.map(({ path: from, digest, tags }) => ({
          from,
          text: `gantry promote ${image.name}@${digest} --to ${name} --tag ${tags.join(' ')}`,
        })),
      ),
    });
    channels.push({ name, prefix: base });
  }
  return { channels, origins };
}

function tellOthers(keys: Keys, remarks: Remarks): void {
  for (const key of keys.unread()) remarks.lost(keys.at(key), 'is not a key of kpromo, and is left out');
}
