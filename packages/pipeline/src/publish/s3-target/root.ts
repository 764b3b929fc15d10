import { Fault, quote } from '@gantry/oci';
import type { S3Client } from '@gantry/store/s3';

/** What a tree's keys start with, in the order of a listing. What is tried at the start of a service comes between. */
const FOLDERS = ['lists/', 'pool/', 'probe/', 'serial/'];
/** Sorts after whatever a tree has in a folder. */
const LAST = '~';

type RootClient = Pick<S3Client, 'name' | 'bucket' | 'endpoint' | 'keyOf' | 'list' | 'probe'>;

/**
 * Looks whether a bucket, or what is in it below the prefix, may hold a tree: it must be empty or a tree already, as what
 * lies there is not overwritten by mistake. Then tries rights and conditions; nothing is written before.
 * @throws Fault CONFIGURATION_INVALID; UNAVAILABLE
 */
export async function prepareRoot(client: RootClient): Promise<void> {
  if ((await firstPath(client, 'serial/')) === undefined) await refuseForeign(client);
  const { ifNoneMatch, ifMatch } = await client.probe();
  if (ifNoneMatch && ifMatch) return;
  const header = ifNoneMatch ? 'If-Match' : 'If-None-Match';
  throw new Fault(
    'CONFIGURATION_INVALID',
    `tree.s3: ${client.name} does not keep to ${header}, without which two publishers could overwrite each other: use a server that does, or tree.filesystem`,
    { key: 'tree.s3', bucket: client.bucket, endpoint: client.endpoint },
  );
}

async function refuseForeign(client: RootClient): Promise<void> {
  let after = '';
  for (const folder of FOLDERS) {
    const found = await firstPath(client, '', after);
    if (found === undefined) return;
    if (!FOLDERS.some((one) => found.startsWith(one))) throw foreign(client, found);
    after = `${folder}${LAST}`;
  }
}

async function firstPath(client: RootClient, start: string, after = ''): Promise<string | undefined> {
  for await (const { path } of client.list(start, after === '' ? {} : { after })) return path;
  return undefined;
}

function foreign(client: RootClient, path: string): Fault {
  return new Fault(
    'CONFIGURATION_INVALID',
    `tree.s3: ${client.name} holds ${quote(client.keyOf(path))} and no tree: name an empty bucket, or a prefix of its own`,
    { key: 'tree.s3', bucket: client.bucket, endpoint: client.endpoint },
  );
}
