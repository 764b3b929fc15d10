import type { CraneOptions } from '@gantry/app-crane';
import { Fault } from '@gantry/oci';
import { type Configuration, formatPath, missingContentFolders } from '@gantry/service';

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
  const [missing] = await missingContentFolders(crane);
  if (missing !== undefined)
    throw new Fault('CONFIGURATION_INVALID', `${formatPath(missing.path)}: ${missing.message}`);
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
