import { z } from 'zod';
import { Keep } from './collection.ts';
import {
  platformProblem,
  rangeProblem,
  regexProblem,
  repositoryGlobProblem,
  tagPatternProblem,
} from './patterns.ts';
import { checked, Duration, FilePath, Interval, Name, SecretText, text } from './texts.ts';
import { isHost, registryAddressProblem } from './web-address.ts';

/** The public name of a server, with a port or without. */
export const Host = z
  .string()
  .refine(isHost, { error: 'is not a host: write registry.example.org or 192.0.2.1:5000' });

/** What is asked of a tag's name. */
const NAME_RULES = {
  include: z.array(checked(tagPatternProblem)).optional(),
  exclude: z.array(checked(tagPatternProblem)).default([]),
  semver: checked(rangeProblem).optional().describe('Only versions in this range'),
  prereleases: z
    .boolean()
    .optional()
    .describe('Whether `semver` takes a version before a release, as 1.3.0-rc.1, as any other'),
};

/** One of `sources`. */
export const SourceEntry = z.strictObject({
  name: Name,
  registry: checked(registryAddressProblem).describe('The address; https unless http:// is written'),
  credentials: z
    .strictObject({
      username: text(1024).optional(),
      password: SecretText.optional(),
      passwordFile: FilePath.optional(),
      token: SecretText.optional(),
      tokenFile: FilePath.optional(),
    })
    .optional()
    .describe('username with password or passwordFile; or token or tokenFile'),
  tls: z
    .strictObject({
      caFile: FilePath.optional(),
      certFile: FilePath.optional(),
      keyFile: FilePath.optional(),
    })
    .optional(),
  repositories: z
    .array(checked(repositoryGlobProblem))
    .min(1, { error: 'is empty, so nothing would be taken: leave it out to take all' })
    .default(['**'])
    .describe("Globs over the registry's catalogue; plain names need none"),
  rename: z
    .strictObject({ from: checked(regexProblem), to: z.string().max(1024) })
    .optional()
    .describe('Upstream name to published name: from (a regular expression) is replaced once by to'),
  tags: z
    .strictObject({
      ...NAME_RULES,
      or: z
        .array(z.strictObject(NAME_RULES))
        .optional()
        .describe(
          'Further include, exclude, semver and prereleases: a tag is taken as well if one of them agrees',
        ),
      notOlderThan: Duration.optional().describe('Only images that were made within this time'),
      latest: z
        .int({ error: 'is not a whole number' })
        .min(1, { error: 'is below 1: leave the source out to take nothing' })
        .optional()
        .describe('Only so many of what the other rules take'),
      latestBy: z
        .enum(['semver', 'created'])
        .optional()
        .describe('What `latest` counts by; semver if absent'),
    })
    .prefault({})
    .describe('Names, globs, or regular expressions (RE2) between slashes; exclude is stronger than include'),
  platforms: z
    .array(checked(platformProblem))
    .min(1, { error: 'is empty, so no image would be whole: leave it out to take all' })
    .optional()
    .describe('Children of an index that are taken; it keeps its bytes and its digest. Absent: all'),
  referrers: z.boolean().default(true).describe('Whether what refers to an image comes with it'),
  limits: z
    .strictObject({
      connections: z
        .int({ error: 'is not a whole number' })
        .min(1, { error: 'is below 1' })
        .max(256, { error: 'is above 256' })
        .optional()
        .describe('Blobs that are downloaded at once; 16 if absent'),
      requestsPerSecond: z
        .number({ error: 'is not a number' })
        .positive({ error: 'is not above 0: leave it out for no limit' })
        .max(10_000, { error: 'is above 10000: leave it out for no limit' })
        .optional()
        .describe('Requests of any kind, on average; absent: no limit'),
      burst: z
        .int({ error: 'is not a whole number' })
        .min(1, { error: 'is below 1' })
        .optional()
        .describe('Requests that may come at once after a pause; a second of them if absent'),
    })
    .prefault({})
    .describe('How politely the registry is asked; what it asks for itself is honoured besides'),
  keep: Keep.optional().describe(
    'Candidates that are kept, a repository; what a channel, a plan or an open promotion uses stays. Absent: all',
  ),
  every: Interval.optional().describe('How often to sync; absent: only on demand'),
  allow: z
    .strictObject({
      hosts: z.array(Host).default([]),
      realms: z.array(Host).default([]),
      foreignLayers: z.boolean().default(false),
    })
    .prefault({})
    .describe(
      'Where else the registry may send us: for blobs, for tokens, for layers that are not distributable',
    ),
});
