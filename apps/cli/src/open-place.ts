import { Fault, quote } from '@gantry/oci';
import { type Configuration, type FolderPlace, MAIN_TREE, type S3Place } from '@gantry/service';
import { directoryTree, type PublicKey, type TreeSource } from '@gantry/tree';
import type { Environment, GlobalOptions } from './cli.ts';
import { loadWithWarnings } from './remote/server-address.ts';
import { openTrustedKeys } from './serve/open-keys.ts';
import { treeSettings } from './serve/tree-settings.ts';
import { treeAt } from './tree-place.ts';

/** Options that say where trees are. */
export interface PlaceOptions {
  readonly tree?: string;
  readonly endpoint?: string;
  readonly region?: string;
}

/** What is to be looked at, and by which keys it must be signed. */
export interface Subject {
  readonly source: TreeSource;
  readonly trustedKeys: readonly PublicKey[];
}

/**
 * The tree in a folder, at an http(s) address or in a bucket, `s3://bucket/prefix`.
 * @throws Fault REQUEST_INVALID, CONFIGURATION_INVALID
 */
export async function openPlace(
  word: string,
  options: GlobalOptions & PlaceOptions,
  cli: Environment,
  signal: AbortSignal,
): Promise<TreeSource> {
  if (!/^s3:/i.test(word)) return treeAt(word, cli.cwd, signal);
  const [, bucket, prefix = ''] = /^s3:\/\/([^/?#]+)(?:\/([^?#]*))?$/i.exec(word) ?? [];
  if (bucket === undefined)
    throw new Fault(
      'REQUEST_INVALID',
      `${quote(word)} is no bucket: it is s3://BUCKET or s3://BUCKET/PREFIX`,
    );
  const [{ openTreeSource }, { placeSettings }] = await Promise.all([
    import('@gantry/pipeline'), // a folder needs no engines
    import('./serve/engine-settings.ts'),
  ]);
  const server = await serverOf(options, cli);
  const { region = server.region } = options;
  return openTreeSource(
    await placeSettings({ s3: { ...server, bucket, prefix, ...(region !== undefined && { region }) } }),
  );
}

/**
 * The S3 server: the configuration's, where its tree is in S3 and no other endpoint is named; else that of `--endpoint` or
 * the environment's, with the environment's credentials: the configuration's go to no other server.
 */
async function serverOf(
  options: GlobalOptions & PlaceOptions,
  cli: Environment,
): Promise<Omit<S3Place['s3'], 'bucket' | 'prefix'>> {
  const { configuration } = await loadWithWarnings(options, cli);
  const named = options.endpoint;
  for (const place of placesOf(configuration)) {
    if (!('s3' in place) || (named !== undefined && !isSame(place.s3.endpoint, named))) continue;
    const { bucket: _, prefix: __, ...server } = place.s3;
    return server;
  }
  const endpoint = named ?? cli.env['AWS_ENDPOINT_URL_S3'] ?? cli.env['AWS_ENDPOINT_URL'];
  const region = cli.env['AWS_REGION'] ?? cli.env['AWS_DEFAULT_REGION'];
  // Servers that are not Amazon's seldom have a name for each bucket.
  return {
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(region !== undefined && { region }),
  };
}

function placesOf({ tree, trees, storage }: Configuration): readonly (FolderPlace | S3Place)[] {
  return [tree, ...Object.values(trees), storage];
}

function isSame(endpoint: string | undefined, named: string): boolean {
  return endpoint?.replace(/\/+$/, '') === named.replace(/\/+$/, '');
}

/** @param given keys of the command line: they take the place of the configuration's */
export async function configuredTree(
  options: GlobalOptions & PlaceOptions,
  cli: Environment,
  given: readonly PublicKey[] | undefined,
): Promise<Subject> {
  const { configuration } = await loadWithWarnings(options, cli);
  const name = options.tree ?? MAIN_TREE;
  const tree = treeSettings(configuration, name);
  // The crane here reads the main tree: its keys say nothing of another.
  const trustedKeys = given ?? (name === MAIN_TREE ? await openTrustedKeys(configuration) : []);
  if ('filesystem' in tree) return { source: directoryTree(tree.filesystem.root), trustedKeys };
  const { openTreeSource } = await import('./serve/open-flow.ts'); // a folder needs no engines
  return { source: await openTreeSource(tree), trustedKeys };
}
