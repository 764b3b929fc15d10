import { rangeProblem, tagPatternProblem } from '@gantry/service';
import { parseImageReference } from './image-reference.ts';
import {
  createRemarks,
  type Imported,
  type ImportedTagRules,
  type Importer,
  type Remarks,
} from './imported.ts';
import { joinSources } from './join-sources.ts';
import { mastermindsRange } from './masterminds-range.ts';
import { Keys } from './read-keys.ts';
import { exactly, isLoopbackHost, registryKeys, type RegistrySettings } from './registry-settings.ts';
import { foundPattern, takesSignatureTags } from './tag-patterns.ts';

interface Wanted {
  readonly keys: Keys;
  readonly image: string;
  /** A source for each; none: nothing of it can be taken. */
  readonly tags: readonly ImportedTagRules[];
}

/** Tags that are versions here and none there: `1.2.3_build`. */
const NO_VERSION = '*_*';

/**
 * Reads the file of `skopeo sync --src yaml` (skopeo-sync(1)): a map of registries.
 * @param options.scoped as `skopeo sync --scoped`: published names begin with the registry's
 * @throws Fault REQUEST_INVALID
 */
export const importSkopeo: Importer = (value, { scoped = false }): Imported => {
  const remarks = createRemarks();
  const file = new Keys(value, []);
  const sources = file.names.flatMap((host) => {
    const registry = file.keys(host);
    const settings = settingsOf(registry, host, remarks);
    const wanted = [
      ...images(registry, remarks),
      ...byRule(registry, 'images-by-tag-regex', regexTags, remarks),
      ...byRule(registry, 'images-by-semver', semverTags, remarks),
    ];
    for (const key of registry.unread())
      remarks.lost(registry.at(key), 'is not a key of skopeo, and is left out');
    return wanted.flatMap(({ keys, image, tags }) => {
      const from = parseImageReference(`${host}/${image}`);
      if (from === undefined || from.tag !== undefined || from.digest !== undefined) {
        remarks.lost(keys.at(image), 'is no name of a repository: it is left out');
        return [];
      }
      const published = scoped ? `${host.replace(/:\d+$/, '')}/${from.repository}` : baseOf(from.repository);
      const referrers = tags.some(takesSignatureTags);
      if (referrers)
        remarks.changed(keys.at(image), 'tags such as sha256-….sig come with their image, as referrers');
      return tags.map((rules) => ({
        from: keys.at(image),
        entry: {
          name: `${host}-${image}`,
          ...registryKeys(from.registry, settings),
          repositories: [from.repository],
          ...(published !== from.repository && {
            rename: { from: exactly(from.repository), to: published },
          }),
          ...(Object.keys(rules).length > 0 && { tags: rules }),
          referrers,
        },
      }));
    });
  });
  return { sources: joinSources(sources, remarks), remarks: remarks.all };
};

/** Without --scoped skopeo gives an image the last part of its name. */
function baseOf(repository: string): string {
  return repository.slice(repository.lastIndexOf('/') + 1);
}

function images(registry: Keys, remarks: Remarks): Wanted[] {
  const keys = registry.keys('images');
  return keys.names.map((image) => {
    const tags = keys.texts(image);
    const include = tags.filter((tag, index) => {
      if (!/^sha(?:256|512):/.test(tag) && tagPatternProblem(tag) === undefined) return true;
      const why = tag.includes(':') ? 'names a digest, and a source takes tags' : 'is no tag';
      remarks.lost([...keys.at(image), index], `${why}: it is left out`);
      return false;
    });
    if (tags.length === 0) return { keys, image, tags: [{}] };
    return { keys, image, tags: include.length > 0 ? [{ include }] : [] };
  });
}

type ReadTags = (
  rule: string,
) => { readonly tags: readonly ImportedTagRules[] } | { readonly problem: string };

function byRule(registry: Keys, key: string, read: ReadTags, remarks: Remarks): Wanted[] {
  const keys = registry.keys(key);
  return keys.names.map((image) => {
    const rule = read(keys.text(image) ?? '');
    if ('problem' in rule) remarks.lost(keys.at(image), `${rule.problem}: it is left out`);
    return { keys, image, tags: 'tags' in rule ? rule.tags : [] };
  });
}

const regexTags: ReadTags = (regex) => {
  const read = foundPattern(regex);
  return 'pattern' in read ? { tags: [{ include: [read.pattern] }] } : read;
};

const semverTags: ReadTags = (constraint) => {
  const rules = mastermindsRange(constraint);
  if (rules === undefined || rules.some(({ semver }) => rangeProblem(semver) !== undefined))
    return { problem: `${constraint} is no range of skopeo that has a counterpart` };
  return {
    tags: rules.map(({ semver, prereleases }) => ({
      exclude: [NO_VERSION],
      semver,
      ...(prereleases && { prereleases }),
    })),
  };
};

function settingsOf(registry: Keys, host: string, remarks: Remarks): RegistrySettings {
  const credentials = registry.keys('credentials');
  const [username, password, token] = ['username', 'password', 'identitytoken'].map((key) =>
    credentials.text(key),
  );
  for (const key of credentials.unread())
    remarks.lost(credentials.at(key), 'is not a key of skopeo, and is left out');
  const folder = registry.text('cert-dir');
  if (folder !== undefined)
    remarks.lost(
      registry.at('cert-dir'),
      `files are named one by one: tls.caFile is ${folder}/ca.crt; certFile and keyFile are for a client's own`,
    );
  const isLoose = registry.flag('tls-verify') === false;
  const isPlain = isLoose && isLoopbackHost(host);
  if (isPlain) remarks.changed(registry.at('tls-verify'), 'is http, as the registry is on this machine');
  else if (isLoose)
    remarks.lost(
      registry.at('tls-verify'),
      'certificates are verified always: name the one to trust in tls.caFile, or write http:// where there is no TLS',
    );
  if (token !== undefined)
    remarks.lost(
      credentials.at('identitytoken'),
      'is of the registry that gave it: write a username and a password',
    );
  return {
    ...(isPlain && { isPlain }),
    ...(username !== undefined && { credentials: { username, password: password ?? '' } }),
    ...(folder !== undefined && { tls: { caFile: `${folder}/ca.crt` } }),
  };
}
