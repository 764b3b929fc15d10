import { z } from 'zod';
import { MAX_CLOCK_TOLERANCE_MS, SIGNATURE_ALGORITHMS } from '../auth/jwt/limits.ts';
import { ownNameProblem } from '../auth/own-names.ts';
import { bindNameProblem, directoryAddressProblem, filterProblem } from './directory-texts.ts';
import { checked, Duration, FilePath, Group, Interval, Name, ScopeText, SecretText, text } from './texts.ts';
import { trustedAddressProblem } from './web-address.ts';

const Scopes = z.array(ScopeText).min(1, { error: 'is empty, so it would allow nothing' });
const Attribute = z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, {
  error: 'is not the name of an attribute: write for instance uid or cn',
});
const Claim = text(256);
const Audience = text(1024);

export const Token = z.strictObject({
  name: Name.superRefine((name, context) => {
    const message = ownNameProblem(name);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  }),
  token: SecretText.optional(),
  tokenFile: FilePath.optional(),
  scopes: z.array(ScopeText).min(1, { error: 'is empty, so the token would allow nothing' }),
  groups: z.array(Group).default([]).describe('Groups that its owner is a member of, for rules of channels'),
});

/** One of `api.oidc`. */
export const OidcEntry = z.strictObject({
  name: Name.refine((name) => name !== 'ldap', {
    error: 'is what names of LDAP users begin with: choose another',
  })
    .default('oidc')
    .describe('Callers are called <name>:<name claim>'),
  issuer: checked(trustedAddressProblem).describe('As it stands in the tokens, letter for letter'),
  audience: z
    .union([Audience.transform((one) => [one]), z.array(Audience).min(1, { error: 'is empty' })], {
      error: 'is no audience: write the one that tokens for Gantry have, or a list',
    })
    .describe('Tokens must be meant for it, or for one of these'),
  algorithms: z
    .array(z.enum(SIGNATURE_ALGORITHMS))
    .min(1, { error: 'is empty, so no token would be taken' })
    .default(['RS256', 'PS256', 'ES256', 'EdDSA'])
    .describe('How tokens may be signed'),
  jwksUri: checked(trustedAddressProblem)
    .optional()
    .describe("Where the issuer's keys are; absent: as its discovery document says"),
  caFile: FilePath.optional().describe('Certificates that the issuer is known by, beside the usual ones'),
  clockTolerance: Duration.refine((ms) => ms <= MAX_CLOCK_TOLERANCE_MS, {
    error: 'is too long: 5m at the most',
  })
    .prefault('30s')
    .describe("How far the issuer's clock may be off"),
  nameClaim: Claim.default('sub').describe('The claim that names the caller'),
  groupsClaim: Claim.default('groups').describe('The claim with the names of its groups'),
  scopes: z
    .array(
      z.strictObject({
        claim: Claim,
        value: text(1024).describe('What the claim is, or has among others'),
        scopes: Scopes,
      }),
    )
    .min(1, { error: 'is empty, so its tokens would allow nothing' })
    .describe('What a token with that value of a claim allows'),
});
export type OidcEntry = z.output<typeof OidcEntry>;

/** `api.ldap` */
export const LdapEntry = z.strictObject({
  url: checked(directoryAddressProblem).describe('ldaps://HOST[:PORT], or ldap://HOST[:PORT]'),
  startTls: z.boolean().default(false).describe('Whether ldap:// goes on as TLS before anything is said'),
  caFile: FilePath.optional().describe('Certificates that the server is known by, beside the usual ones'),
  bindDn: checked(bindNameProblem).optional().describe('Who looks users up; absent: nobody, anonymously'),
  bindPassword: SecretText.optional(),
  bindPasswordFile: FilePath.optional(),
  users: z.strictObject({
    base: text(1024).describe('Below it users are looked for'),
    filter: checked((filter) => filterProblem(filter, ['user']))
      .default('(uid={user})')
      .describe('Finds the one user of a name'),
    name: Attribute.default('uid').describe('What the user is called: it must have just one value'),
  }),
  groups: z
    .strictObject({
      base: text(1024).describe('Below it groups are looked for'),
      filter: checked((filter) => filterProblem(filter, ['dn', 'user']))
        .default('(member={dn})')
        .describe('Finds the groups of a user, by its DN or its name'),
      name: Attribute.default('cn').describe('What a group is called'),
    })
    .describe('Which groups a user is a member of'),
  scopes: z
    .record(Group, Scopes)
    .refine((scopes) => Object.keys(scopes).length > 0, { error: 'is empty, so nobody could do anything' })
    .describe('What members of a group may do, by its name'),
  timeout: Interval.refine((ms) => ms <= 60_000, { error: 'is too long: 1m at the most' })
    .prefault('5s')
    .describe('How long one look-up may take'),
});
export type LdapEntry = z.output<typeof LdapEntry>;
