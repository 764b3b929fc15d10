import { z } from 'zod';
import { MAX_CLOCK_TOLERANCE_MS } from '../auth/jwt/limits.ts';
import { repositoryGlobProblem } from './patterns.ts';
import { checked, Duration, FilePath, Group, Interval, text } from './texts.ts';
import { trustedAddressProblem } from './web-address.ts';

const Globs = z.array(checked(repositoryGlobProblem));
const SomeGlobs = Globs.min(1, { error: 'is empty, so it would open nothing' });
const Oid = z.string().regex(/^[0-2](?:\.(?:0|[1-9]\d*))+$/, {
  error: 'is no object identifier: write for instance 1.2.840.113549',
});

/** An entry of `crane.private.readers`. */
const ReadersEntry = z.strictObject({
  users: z.array(text(256)).default([]).describe('By name: as in htpasswd, of api.tokens, ldap:<user>'),
  groups: z.array(Group).default([]).describe('Members of these groups, of a directory or of api.tokens'),
  repositories: SomeGlobs.describe('Globs over what they may pull'),
});

/** `crane.private.certificates`. */
const Certificates = z.strictObject({
  caFile: FilePath.describe('Authorities that client certificates are issued by, in PEM'),
  header: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, { error: 'is not the name of a header' })
    .optional()
    .describe('The header in which a trusted proxy hands them on; absent: only those of crane.tls count'),
  path: z
    .string()
    .regex(/^\/[^{}]*\{repository\}[^{}]*$/, {
      error: 'is no path with {repository} in it: write for instance /{repository}',
    })
    .default('/{repository}')
    .describe('Where the content of a repository is for entitlements'),
  values: z
    .array(
      z.strictObject({
        oid: Oid.describe('An extension of the certificate'),
        value: text(1024).describe('The text that it holds'),
        repositories: SomeGlobs,
      }),
    )
    .default([])
    .describe('What an extension with a value opens, beside the paths of an entitlement'),
});

/** `crane.private.tokens`. */
const Tokens = z.strictObject({
  realm: checked(trustedAddressProblem).describe('Where clients get tokens: the address of /token'),
  service: text(256).describe('Whom tokens must be meant for, and what clients ask for'),
  issuer: text(1024).describe('As it stands in the tokens, letter for letter'),
  keyFiles: z
    .array(FilePath)
    .default([])
    .describe('Public keys that tokens are checked by: PEM, or a set of keys in JSON'),
  jwksUri: checked(trustedAddressProblem).optional().describe('Where the issuer publishes its keys'),
  caFile: FilePath.optional().describe('Certificates that jwksUri is known by, beside the usual ones'),
  clockTolerance: Duration.refine((ms) => ms <= MAX_CLOCK_TOLERANCE_MS, {
    error: 'is too long: 5m at the most',
  })
    .prefault('30s')
    .describe("How far the issuer's clock may be off"),
});

/** `crane.private`. */
export const Private = z.strictObject({
  repositories: Globs.default([]).describe('Globs over what not everybody may pull, or know of'),
  readers: z.array(ReadersEntry).default([]).describe('Who may pull what of it'),
  challenge: z
    .array(z.enum(['base', 'names']))
    .optional()
    .describe('Where credentials are asked for; absent: base with tokens or htpasswdFile, else nowhere'),
  htpasswdFile: FilePath.optional().describe('Users and the bcrypt hashes of their passwords'),
  tokens: Tokens.optional().describe("Tokens of distribution's token protocol"),
  certificates: Certificates.optional().describe('Client certificates'),
});
export type Private = z.output<typeof Private>;

/** `crane.tls`. */
export const CraneTls = z
  .strictObject({ certFile: FilePath, keyFile: FilePath })
  .describe('HTTPS: the certificate with what it was signed by, and its key, as PEM; absent: http');

/** `crane.signedUrls`. */
export const SignedUrls = z.strictObject({
  secretFile: FilePath.describe('The secret that mirrors check by, 32 characters or more'),
  ttl: Interval.prefault('10m').describe('How long a URL is good'),
});

/** `api.pullTokens`. */
export const PullTokens = z.strictObject({
  service: text(256).describe('Whom the tokens are meant for'),
  issuer: text(1024).describe('Who makes them, letter for letter as cranes know it'),
  keyFile: FilePath.describe('The private key that signs them: Ed25519 or P-256, PEM'),
  ttl: Interval.prefault('5m').describe('How long a token is good'),
});

/** Who may pull what of what is private. */
export type PullRule = Private['readers'][number];

/** What of the tree not everybody may read, and how those are known who may. Paths are absolute. */
export type PrivateConfiguration = Omit<Private, 'tokens' | 'challenge' | 'htpasswdFile' | 'certificates'> & {
  readonly challenge: readonly ('base' | 'names')[];
  readonly htpasswdFile?: string;
  readonly certificates?: CertificatesConfiguration;
  readonly tokens?: PullTokensConfiguration;
};

export type CertificatesConfiguration = Omit<z.output<typeof Certificates>, 'header'> & {
  readonly header?: string;
};

export type PullTokensConfiguration = Omit<
  z.output<typeof Tokens>,
  'clockTolerance' | 'jwksUri' | 'caFile'
> & {
  readonly clockToleranceMs: number;
  readonly jwksUri?: string;
  readonly caFile?: string;
};

export interface SignedUrlsConfiguration {
  readonly secretFile: string;
  readonly ttlMs: number;
}

/** How pull tokens are made. */
export interface PullTokenMaking {
  readonly service: string;
  readonly issuer: string;
  readonly keyFile: string;
  readonly ttlMs: number;
}
