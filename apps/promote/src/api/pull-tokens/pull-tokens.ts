import {
  type Access,
  type Authenticator,
  basicCredentials,
  parseScopes,
  type PasswordFile,
  type Puller,
  type PullRules,
  type PullTokenMaking,
  type SignPull,
} from '@gantry/service';
import type { TokenRequest } from './token-request.ts';

/** Makes tokens for those who may pull. */
export interface PullTokens {
  /**
   * Who asks; 'nobody' without credentials, undefined with wrong ones.
   * @throws Fault UNAVAILABLE when who could tell does not answer
   */
  identify(authorization: string | undefined): Promise<Puller | 'nobody' | undefined>;
  /** A token for what of the scopes that one may pull; undefined: it is asked for another service. */
  make(request: TokenRequest, puller: Puller | 'nobody'): Promise<MadePullToken | undefined>;
}

export interface MadePullToken {
  readonly token: string;
  /** What of it was granted. */
  readonly access: readonly Access[];
  readonly expiresInSeconds: number;
  readonly issued: Date;
}

export interface PullTokensOptions extends Pick<PullTokenMaking, 'service' | 'ttlMs'> {
  readonly sign: SignPull;
  readonly rules: PullRules;
  /** Knows users by what the API takes, too. */
  readonly authenticator: Authenticator;
  /** Absent: there is no such file. */
  readonly passwords?: PasswordFile;
  readonly now: () => Date;
}

/** Everybody may pull what is not private, so a token for it is made for nobody, too. */
export function createPullTokens(options: PullTokensOptions): PullTokens {
  const { service, ttlMs, sign, rules, authenticator, passwords, now } = options;
  return {
    async identify(authorization) {
      if (authorization === undefined) return 'nobody';
      const credentials = basicCredentials(authorization);
      if (credentials === undefined) return undefined;
      const { user, password } = credentials;
      const byToken = await authenticator.identify(`Bearer ${password}`);
      if (byToken?.name === user) return byToken;
      if ((await passwords?.knows(user, password)) === true) return { name: user, groups: [] };
      return authenticator.identify(authorization);
    },
    async make({ service: wanted = service, scopes }, puller) {
      if (wanted !== service) return undefined;
      const mayPull = puller === 'nobody' ? () => false : rules.grantsOf(puller);
      const access = parseScopes(scopes).flatMap(({ type, name, actions }) => {
        const isGranted = mayPull(name) || !rules.isPrivate(name);
        const wantsPull = actions.includes('pull') || actions.includes('*');
        return isGranted && wantsPull ? [{ type, name, actions: ['pull'] }] : [];
      });
      const issued = now();
      const subject = puller === 'nobody' ? '' : puller.name;
      const token = await sign({ subject, access, now: issued });
      return { token, access, expiresInSeconds: Math.floor(ttlMs / 1000), issued };
    },
  };
}
