import { z } from 'zod';
import { parseNetwork } from '../network/address.ts';
import { repositoryGlobProblem } from './patterns.ts';
import { checked, Duration, FilePath, Name } from './texts.ts';
import { webAddressProblem } from './web-address.ts';

/** A network in CIDR notation, or one address. */
const NetworkText = z.string().refine((text) => parseNetwork(text) !== undefined, {
  error: 'is no network: write for instance 192.0.2.0/24, 2001:db8::/32 or one address',
});

/** MirrorManager decodes no escapes in a query, and cuts a value at a second "=". */
const PathInQuery = z
  .string()
  .regex(/^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/, {
    error: 'is no path as MirrorManager has them: write for instance pub/gantry',
  })
  .refine((path) => !/(?:^|\/)\.\.?(?:\/|$)/.test(path), {
    error: 'has a part that is "." or "..": write the path as MirrorManager lists it',
  });

/** `mirrormanager` of an entry: what stands at its address is no tree. */
const MirrorManager = z
  .strictObject({
    path: PathInQuery.describe("The tree's folder, as MirrorManager names it"),
    grace: Duration.prefault('1d').describe(
      'What was published less than so long ago is not asked for there, as its mirrors may not have it yet',
    ),
  })
  .describe('The address is the mirrorlist of a MirrorManager, which redirects to mirrors of its own');

/** An entry of `crane.mirrors`. */
export const MirrorEntry = z.strictObject({
  name: Name,
  url: checked(webAddressProblem).describe("Where the mirror's copy of the tree begins"),
  mirrormanager: MirrorManager.optional(),
  weight: z
    .int({ error: 'is not a whole number' })
    .min(1, { error: 'is below 1: leave the mirror out to send nobody there' })
    .max(1_000_000, { error: 'is above 1000000' })
    .default(100)
    .describe('Its share among mirrors that qualify and are as near, in proportion'),
  trusted: z.boolean().default(false).describe('Vouched for: it may answer tags, and it is the last resort'),
  signed: z
    .boolean()
    .default(false)
    .describe('It serves what is asked for by signed URLs alone: it may hold what is private'),
  networks: z
    .array(NetworkText)
    .default([])
    .describe('Clients in these networks are sent to it first of all'),
  asns: z
    .array(
      z
        .int({ error: 'is not a whole number' })
        .min(1, { error: 'is below 1' })
        .max(4_294_967_295, { error: 'is above 4294967295' }),
    )
    .default([])
    .describe('Then clients of these autonomous systems; needs crane.geoip.asn'),
  countries: z
    .array(
      z
        .string()
        .regex(/^[A-Za-z]{2}$/, { error: 'is no country code: write two letters of ISO 3166, as DE' }),
    )
    .default([])
    .describe('Then those of these countries, and of their continents; needs crane.geoip.country'),
  private: z.boolean().default(false).describe('Nobody but those is sent to it'),
  repositories: z
    .array(checked(repositoryGlobProblem))
    .min(1, { error: 'is empty: leave it out for all' })
    .default(['**'])
    .describe('Globs over the published names that it carries'),
});

/** `crane.trustedProxies` and `api.trustedProxies`. */
export const TrustedProxies = z
  .array(NetworkText)
  .default([])
  .describe('Proxies that are believed whom they ask for, by X-Forwarded-For: CIDR networks or addresses');

/** `crane.geoip`. */
export const Geoip = z
  .strictObject({
    country: FilePath.optional().describe("An .mmdb file that tells addresses' countries and continents"),
    asn: FilePath.optional().describe("An .mmdb file that tells addresses' autonomous systems"),
  })
  .describe('Files that tell where clients are; a changed file is taken without a restart');
