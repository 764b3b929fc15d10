import { stat } from 'node:fs/promises';
import type { CraneOptions } from '@gantry/app-crane';
import { Fault } from '@gantry/oci';
import type { Configuration } from '@gantry/service';

/**
 * What the crane reads of redirect JSON; undefined: nothing. A directory of redirect files may come later, content has to
 * be there.
 * @throws Fault CONFIGURATION_INVALID for a secret that can't be read or is none, and for a folder of content that is not there
 */
export async function openRedirectJson({
  crane,
}: Configuration): Promise<CraneOptions['redirectJson'] | undefined> {
  const { redirectJson: directories, cdn, serveContent: content, endpoint } = crane;
  if (directories.length === 0) return undefined;
  for (const api of ['v1', 'v2'] as const) await checkFolder(`crane.serveContent.${api}`, content?.[api]);
  const { rewrite, token } = cdn;
  return {
    directories,
    cdn: {
      ...(rewrite !== undefined && { rewrite }),
      ...(token !== undefined && {
        token: { ...token, secret: await token.secret.read() },
      }),
    },
    ...(content !== undefined && { content }),
    ...(endpoint !== undefined && { endpoint }),
  };
}

async function checkFolder(key: string, folder: string | undefined): Promise<void> {
  if (folder === undefined) return;
  const isThere = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isThere) return;
  throw new Fault('CONFIGURATION_INVALID', `${key}: the folder ${folder} is not there`, { key, folder });
}
