import { isRepositoryName } from '@gantry/oci';
import { z } from 'zod';
import { LdapEntry, OidcEntry, Token } from './access.ts';
import { Gc } from './collection.ts';
import { Amqp, EMBEDDED_PLACES, EmbeddedFile, Filesystem, MongoDb, S3 } from './engines.ts';
import { GateEntry, TagRulesEntry } from './gates.ts';
import { TrustedKey } from './keys.ts';
import { Geoip, MirrorEntry, TrustedProxies } from './mirrors.ts';
import { Search } from './search.ts';
import { REDIRECT_JSON_KEYS } from './redirect-json.ts';
import { CraneTls, Private, PullTokens, SignedUrls } from './private.ts';
import { Host, SourceEntry } from './sources.ts';
import { FilePath, Interval, Listen, Name, ScopeText } from './texts.ts';
import { FurtherTree, Tree } from './trees.ts';
import { isWebAddress, webAddressProblem } from './web-address.ts';

const Storage = z.strictObject({ filesystem: Filesystem(EMBEDDED_PLACES.store), s3: S3 });
const Catalog = z.strictObject({ sqlite: EmbeddedFile(EMBEDDED_PLACES.catalog), mongodb: MongoDb });
const Messages = z.strictObject({
  embedded: EmbeddedFile(EMBEDDED_PLACES.messages),
  amqp: Amqp,
  commandScopes: z.array(ScopeText).prefault(['sync']).describe('What messages in the queue may command'),
});
const Channel = z.strictObject({
  name: Name.refine((name) => /\D/.test(name), { error: 'is a number, as serials are: give it a name' }),
  prefix: z
    .string()
    .refine((prefix) => prefix === '' || isRepositoryName(`${prefix}x`), {
      error: 'is not the beginning of a repository name: write for instance testing/',
    })
    .default('')
    .describe('Goes before the published name'),
  from: z.string().optional().describe('The channel that references are looked up in; absent: candidates'),
  publish: z.boolean().default(true).describe('false keeps the channel out of every tree'),
  tree: z.string().optional().describe('The tree that it stands in: a name of trees; absent: tree'),
  gates: z
    .array(GateEntry)
    .default([])
    .describe('What must hold before a promotion to it, in this order; see gates.md'),
  tags: TagRulesEntry.optional().describe('Which tags may be set, and by whom; absent: any, by any'),
});
const Api = z.strictObject({
  listen: Listen.prefault('127.0.0.1:5090'),
  tls: z
    .strictObject({ certFile: FilePath, keyFile: FilePath })
    .optional()
    .describe('HTTPS: the certificate with what it was signed by, and its key, as PEM; absent: http'),
  tokens: z.array(Token).default([]),
  oidc: z.array(OidcEntry).default([]).describe('Issuers whose JWTs are taken as tokens; see security.md'),
  ldap: LdapEntry.optional().describe(
    'A directory whose users are known by their passwords; see security.md',
  ),
  pullTokens: PullTokens.optional().describe(
    'Makes tokens for private repositories at /token; absent: it does not; see private.md',
  ),
  readOnly: z
    .boolean()
    .default(false)
    .describe('Whether changes are refused, at this process and whatever POST /api/v1/read-only says'),
  limits: z
    .strictObject({
      requestsPerSecond: z
        .number({ error: 'is not a number' })
        .positive({ error: 'is not above 0' })
        .max(1_000_000, { error: 'is above 1000000' })
        .default(1000)
        .describe('Requests of one caller to one process, on average'),
      burst: z
        .int({ error: 'is not a whole number' })
        .min(1, { error: 'is below 1' })
        .default(10_000)
        .describe('Requests of one caller that may come at once after a pause'),
    })
    .prefault({})
    .describe('How often one caller may ask; more is answered 429'),
  trustedProxies: TrustedProxies,
  adminTokenFile: FilePath.optional().describe(
    "The administrator's token; made at the first start where it is not there. Absent: admin-token beside catalog.sqlite.file, else in ./data",
  ),
});
const Sync = z.strictObject({
  adminListen: Listen.optional().describe('serve sync: health and metrics; absent: none'),
});
const Crane = z.strictObject({
  listen: Listen.prefault('127.0.0.1:5080'),
  adminListen: Listen.optional().describe('Health and metrics; absent: none'),
  tree: FilePath.superRefine((place, context) => {
    const message = isWebAddress(place) ? webAddressProblem(place) : undefined;
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  })
    .optional()
    .describe(
      'A directory or an http(s) address; absent: tree.filesystem.root; with tree.s3 it must be there',
    ),
  trustedKeys: z
    .array(TrustedKey)
    .default([])
    .describe('With any, a serial that none of them has signed is refused'),
  poll: Interval.prefault('10s').describe("How often an address's pointer is asked for"),
  serialFile: FilePath.optional().describe('Remembers the highest serial across restarts'),
  accessLog: FilePath.optional().describe(
    'Where a line of JSON is written of each answer: a file, or stdout; absent: nowhere',
  ),
  name: Host.optional().describe("The crane's own public host: mirrors on it or below it are refused"),
  catalog: z.boolean().default(false).describe('Whether /v2/_catalog tells all published names'),
  page: z.boolean().default(false).describe('Whether / is a page that shows people what is published'),
  search: Search,
  workers: z
    .union([z.literal('auto'), z.int().min(1, { error: 'is below 1' }).max(64, { error: 'is above 64' })], {
      error: 'is neither a whole number nor auto',
    })
    .default(1)
    .describe('Processes that answer on crane.listen, for serve crane alone; auto: one for each core'),
  seed: z
    .union([z.string().min(1, { error: 'is empty' }), z.int()], {
      error: 'is neither text nor a whole number',
    })
    .optional()
    .describe('Cranes with the same seed choose the same mirrors, others different ones'),
  ...REDIRECT_JSON_KEYS,
  manifests: z.enum(['auto', 'redirect', 'serve']).default('auto'),
  status: z.literal([302, 307]).default(302),
  mirrors: z
    .array(MirrorEntry)
    .optional()
    .describe(
      'Where pulls are redirected; []: all is served from the tree; absent: the built-in static server, if it runs',
    ),
  trustedProxies: TrustedProxies,
  geoip: Geoip.prefault({}),
  tls: CraneTls.optional(),
  private: Private.optional().describe('What not everybody may pull, and who may; see private.md'),
  signedUrls: SignedUrls.optional().describe('How mirrors know who was sent to them; see private.md'),
});

/** What stands in place of a file when there is none: with one, a `listen` key that is absent means none. */
export const EMBEDDED_DEFAULTS = {
  tree: { listen: '127.0.0.1:5081' },
  crane: { adminListen: '127.0.0.1:5082' },
} as const;

/** The channels when the file names none. */
export const DEFAULT_CHANNELS = [{ name: 'testing', prefix: 'testing/' }, { name: 'stable' }] as const;

/** The configuration file. Its input is what people write; its output has every default and durations in milliseconds. */
export const ConfigurationFile = z
  .strictObject({
    storage: Storage.prefault({}).describe('Where bytes lie'),
    catalog: Catalog.prefault({}).describe('What is known of them'),
    messages: Messages.prefault({}).describe('Commands and work to be done'),
    tree: Tree.prefault({}).describe('The published tree'),
    trees: z
      .record(z.string(), FurtherTree)
      .default({})
      .describe('Further trees by name, each like tree, for what must not be in it'),
    sources: z.array(SourceEntry).default([]).describe('Upstream registries and what to take from them'),
    channels: z
      .array(Channel)
      .prefault([...DEFAULT_CHANNELS])
      .describe('Named sets of repository tags'),
    api: Api.prefault({}),
    gc: Gc.prefault({}).describe('When what nothing needs is deleted; see collection.md'),
    sync: Sync.prefault({}),
    crane: Crane.prefault({}).describe('The redirector'),
  })
  .meta({ title: 'Gantry configuration' });
export type ConfigurationFile = z.output<typeof ConfigurationFile>;

/** The JSON Schema (draft 2020-12) of the configuration file. */
export function configurationJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(ConfigurationFile, { io: 'input' });
}
