import { createPullTokens, type PullTokens } from '@gantry/app-promote';
import type { Flow } from '@gantry/pipeline';
import {
  type Authenticator,
  type Configuration,
  openPasswordFile,
  openPullRules,
  openPullSigner,
} from '@gantry/service';

/** Whoever pulls what is private, by the rules of the crane. */
const NOTHING = { repositories: [], readers: [] };

/** What makes tokens for private repositories, if the configuration says so. @throws Fault CONFIGURATION_INVALID */
export async function openPullTokens(
  { api, crane }: Configuration,
  authenticator: Authenticator,
  { log, now }: Flow,
  resources: AsyncDisposableStack,
): Promise<{ readonly pullTokens?: PullTokens }> {
  if (api.pullTokens === undefined) return {};
  const guarded = crane.private ?? NOTHING;
  const file = crane.private?.htpasswdFile;
  return {
    pullTokens: createPullTokens({
      ...api.pullTokens,
      sign: await openPullSigner(api.pullTokens),
      rules: await openPullRules(guarded),
      authenticator,
      ...(file !== undefined && { passwords: resources.use(await openPasswordFile(file, log)) }),
      now,
    }),
  };
}
