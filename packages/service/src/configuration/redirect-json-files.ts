import { stat } from 'node:fs/promises';
import { Fault } from '@gantry/oci';
import type { Problem } from './problems.ts';
import type { RedirectJsonConfiguration } from './redirect-json.ts';

/** The folders of content (`crane.serveContent`) that are not there: a crane does not start without them. */
export async function missingContentFolders({ serveContent }: RedirectJsonConfiguration): Promise<Problem[]> {
  const found = await Promise.all(
    (['v1', 'v2'] as const).map(async (api) => {
      const folder = serveContent?.[api];
      if (folder === undefined || (await isFolder(folder))) return [];
      return [
        { path: ['crane', 'serveContent', api], message: `the folder ${folder} is not there, or is none` },
      ];
    }),
  );
  return found.flat();
}

/** What keeps a crane from starting on its redirect files, and shows on the disk alone. */
export async function unusableRedirectJson(configuration: RedirectJsonConfiguration): Promise<Problem[]> {
  return [...(await wrongTokenSecret(configuration)), ...(await missingContentFolders(configuration))];
}

async function wrongTokenSecret({ cdn }: RedirectJsonConfiguration): Promise<Problem[]> {
  const secret = cdn.token?.secret;
  try {
    await secret?.read();
    return [];
  } catch (error) {
    if (!(error instanceof Fault) || secret === undefined) throw error;
    const message = error.message.replace(`${secret.key}: `, '');
    return [{ path: ['crane', 'cdn', 'token', 'secretFile'], message }];
  }
}

async function isFolder(folder: string): Promise<boolean> {
  try {
    return (await stat(folder)).isDirectory();
  } catch {
    return false;
  }
}
