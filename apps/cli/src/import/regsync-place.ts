import { isRepositoryName } from '@gantry/oci';
import { parseImageReference, registryHost } from './image-reference.ts';
import type { ImportedTagRules, Remarks } from './imported.ts';
import type { Keys } from './read-keys.ts';
import { exactly } from './registry-settings.ts';

/** What an entry takes, from where, and the names that it gets. */
export interface Place {
  /** What the source may be called by. */
  readonly name: string;
  /** The registry that answers. */
  readonly host: string;
  /** `repositories` and `rename` of the source. */
  readonly keys: Readonly<Record<string, unknown>>;
  /** Of an image, whose one tag stands in the source itself. */
  readonly tags?: ImportedTagRules;
}

/** Reads where an entry copies from, and to. @returns undefined: nothing of it can be taken, and it was said why */
export function readPlace(entry: Keys, remarks: Remarks): Place | undefined {
  const type = entry.text('type');
  const [source = '', target = ''] = [entry.text('source'), entry.text('target')];
  const template = ['source', 'target'].find((key) => entry.text(key)?.includes('{{'));
  if (template !== undefined) {
    remarks.lost(
      entry.at(template),
      'holds a template: import what `regsync config` prints, where it is filled in',
    );
    return undefined;
  }
  if (type === 'registry') return readRegistry(entry, source, target, remarks);
  if (type === 'repository' || type === 'image')
    return readRepository(entry, { source, target, isImage: type === 'image' }, remarks);
  remarks.lost(
    entry.at('type'),
    `${type ?? 'nothing'} is none of image, repository and registry: the entry is left out`,
  );
  return undefined;
}

function readRepository(
  entry: Keys,
  { source, target, isImage }: { source: string; target: string; isImage: boolean },
  remarks: Remarks,
): Place | undefined {
  const from = parseImageReference(source);
  if (from === undefined) {
    remarks.lost(entry.at('source'), 'is no repository of a registry: the entry is left out');
    return undefined;
  }
  if (from.digest !== undefined) {
    remarks.lost(entry.at('source'), 'names a digest, and a source takes tags: the entry is left out');
    return undefined;
  }
  const to = parseImageReference(target);
  if (to === undefined)
    remarks.lost(entry.at('target'), 'is no repository of a registry: the name stays as it is');
  const tag = from.tag ?? 'latest';
  if (isImage && to !== undefined && (to.tag ?? 'latest') !== tag)
    remarks.lost(entry.at('target'), `tags keep their names: it is published as ${tag}`);
  return {
    name: to?.repository ?? from.repository,
    host: from.registry,
    keys: {
      repositories: [from.repository],
      ...(to !== undefined &&
        to.repository !== from.repository && {
          rename: { from: exactly(from.repository), to: to.repository },
        }),
    },
    ...(isImage && { tags: { include: [tag] } }),
  };
}

function readRegistry(entry: Keys, source: string, target: string, remarks: Remarks): Place | undefined {
  const repos = entry.keys('repos');
  const repositories: string[] = [];
  for (const [index, regex] of repos.texts('allow').entries()) {
    const glob = globOf(regex);
    if (glob === undefined)
      remarks.lost(
        [...repos.at('allow'), index],
        'is more than a glob can say: write globs under repositories',
      );
    else repositories.push(glob);
  }
  const hasAllow = repos.texts('allow').length > 0;
  for (const index of repos.texts('deny').keys())
    remarks.lost(
      [...repos.at('deny'), index],
      'repositories are named, not left out: write globs under repositories',
    );
  if (repos.texts('deny').length > 0 || (hasAllow && repositories.length === 0)) {
    remarks.lost(entry.path, 'is left out, as it would take more than is meant');
    return undefined;
  }
  const prefix = target.split('/').slice(1).join('/');
  return {
    name: source,
    host: registryHost(source),
    keys: {
      ...(hasAllow && { repositories }),
      ...(prefix !== '' && { rename: { from: '^', to: `${prefix}/` } }),
    },
  };
}

/** A glob for a regular expression over names that says no more than one: text, and `.*` as its parts. */
function globOf(regex: string): string | undefined {
  const glob = regex
    .replaceAll(/\\([./_-])/g, '$1')
    .replace(/(^|\/)\.[*+]$/, '$1**')
    .replace(/\.\*$/, '**');
  return isRepositoryName(glob.replace(/\*\*$/, 'x')) ? glob : undefined;
}
