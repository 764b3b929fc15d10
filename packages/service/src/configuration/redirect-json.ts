import { z } from 'zod';
import { formatDuration } from './duration.ts';
import type { KeyPath, Problem } from './problems.ts';
import { isRecord } from './schema-shape.ts';
import { fileSecret, literalSecret, type Secret, showSecret } from './secret.ts';
import { Host } from './sources.ts';
import { checked, Duration, FilePath, SecretText, text } from './texts.ts';

const Cdn = z.strictObject({
  match: text(4096).optional().describe('Each such text in a redirect, anywhere in it, …'),
  replace: text(4096).optional().describe('… becomes this'),
  token: z
    .strictObject({
      secret: checked(hexProblem).pipe(SecretText).optional(),
      secretFile: FilePath.optional(),
      ttl: Duration.refine((ms) => ms >= 1000, { error: 'is below 1s' })
        .prefault('5m')
        .describe('How long it holds, in whole seconds'),
      parameter: z
        .string()
        .regex(/^[A-Za-z0-9._~-]{1,64}$/, {
          error: 'is no name of a query parameter: letters, digits, ".", "_", "~" and "-", 64 at the most',
        })
        .default('_auth_'),
      algorithm: z.enum(['sha256', 'sha1', 'md5']).default('sha256'),
    })
    .optional()
    .describe("Redirects carry a token, as Akamai's Authorization Token 2.0 has it; absent: none"),
});

const ServeContent = z.strictObject({
  v1: FilePath.optional().describe('The folder of images that Pulp publishes; absent: they are redirected'),
  v2: FilePath.optional().describe(
    'The folder of manifests and blobs that Pulp publishes; absent: they are redirected',
  ),
  by: z
    .enum(['file', 'x-sendfile', 'x-accel-redirect'])
    .default('file')
    .describe('Who sends the bytes: the crane, or the web server in front of it, by one of these headers'),
  location: z
    .string()
    .regex(/^\/(?:[A-Za-z0-9._~-]+\/)*$/, {
      error: 'is no path of a web server: write for instance /content/',
    })
    .default('/crane-content/')
    .describe('For x-accel-redirect: where the web server has the folders, v1/ and v2/ below it'),
});

/** The keys of `crane` for what Pulp and its Crane leave behind. */
export const REDIRECT_JSON_KEYS = {
  redirectJson: z
    .array(FilePath)
    .default([])
    .describe("Directories of Pulp's redirect files, versions 1 to 4; see redirect-json.md"),
  compat: z
    .boolean()
    .default(false)
    .describe("Whether errors, and redirects by redirect files, are as Pulp's Crane has them"),
  endpoint: Host.optional().describe(
    'The host that X-Docker-Endpoints names to clients of the first days; absent: the one that they asked',
  ),
  cdn: Cdn.prefault({}).describe('How redirects by redirect files are fitted to a content delivery network'),
  serveContent: ServeContent.optional().describe(
    'Content of redirect files is served from a disk; absent: it is redirected',
  ),
};

/** What of `crane` is for redirect files, as it is in force. */
export interface RedirectJsonConfiguration {
  /** Absolute. */
  readonly redirectJson: readonly string[];
  readonly compat: boolean;
  readonly endpoint?: string;
  readonly cdn: {
    readonly rewrite?: { readonly match: string; readonly replace: string };
    readonly token?: {
      /** Hexadecimal. */
      readonly secret: Secret;
      readonly ttlMs: number;
      readonly parameter: string;
      readonly algorithm: 'sha256' | 'sha1' | 'md5';
    };
  };
  readonly serveContent?: {
    /** Absolute. */
    readonly v1?: string;
    readonly v2?: string;
    readonly by: 'file' | 'x-sendfile' | 'x-accel-redirect';
    readonly location: string;
  };
}

interface Keys {
  readonly redirectJson: readonly string[];
  readonly compat: boolean;
  readonly endpoint?: string | undefined;
  readonly cdn: z.output<typeof Cdn>;
  readonly serveContent?: z.output<typeof ServeContent> | undefined;
}

export function completeRedirectJson(
  keys: Keys,
  at: (relative: string) => string,
): RedirectJsonConfiguration {
  const { redirectJson, compat, endpoint, cdn, serveContent } = keys;
  const { match, replace, token } = cdn;
  return {
    redirectJson: [...new Set(redirectJson.map(at))],
    compat,
    ...(endpoint !== undefined && { endpoint }),
    cdn: {
      ...(match !== undefined && replace !== undefined && { rewrite: { match, replace } }),
      ...(token !== undefined && {
        token: {
          secret: tokenSecret(token, at),
          ttlMs: token.ttl,
          parameter: token.parameter,
          algorithm: token.algorithm,
        },
      }),
    },
    ...(serveContent !== undefined && {
      serveContent: {
        ...(serveContent.v1 !== undefined && { v1: at(serveContent.v1) }),
        ...(serveContent.v2 !== undefined && { v2: at(serveContent.v2) }),
        by: serveContent.by,
        location: serveContent.location,
      },
    }),
  };
}

function tokenSecret(
  { secret, secretFile }: NonNullable<z.output<typeof Cdn>['token']>,
  at: (relative: string) => string,
): Secret {
  const key = 'crane.cdn.token.secret';
  return secretFile === undefined
    ? literalSecret(key, secret ?? '')
    : fileSecret(`${key}File`, at(secretFile), hexProblem);
}

/** The keys as the file has them. */
export function showRedirectJson(configuration: RedirectJsonConfiguration): Record<string, unknown> {
  const { redirectJson, compat, endpoint, cdn, serveContent } = configuration;
  const { rewrite, token } = cdn;
  return {
    redirectJson,
    compat,
    ...(endpoint !== undefined && { endpoint }),
    cdn: {
      ...rewrite,
      ...(token !== undefined && {
        token: {
          ...showSecret('secret', token.secret),
          ttl: formatDuration(token.ttlMs),
          parameter: token.parameter,
          algorithm: token.algorithm,
        },
      }),
    },
    ...(serveContent !== undefined && { serveContent }),
  };
}

/** What is for redirect files alone, and would do nothing without any. */
const OF_REDIRECT_FILES = {
  cdn: 'fits redirects by redirect files to a CDN',
  endpoint: 'is told to clients of redirect files of version 1',
  serveContent: 'serves what redirect files tell of',
};

/** Keys that go together, and keys that do nothing. Works on what was written, whatever its shape. */
export function redirectJsonProblems(crane: Readonly<Record<string, unknown>>): Problem[] {
  const problems: Problem[] = [];
  const { cdn, serveContent, redirectJson } = crane;
  if (isRecord(cdn)) {
    const at: KeyPath = ['crane', 'cdn'];
    if ((cdn['match'] === undefined) !== (cdn['replace'] === undefined))
      problems.push({ path: at, message: 'is not complete: match and replace go together' });
    const token = cdn['token'];
    if (isRecord(token) && (token['secret'] === undefined) === (token['secretFile'] === undefined)) {
      const message =
        token['secret'] === undefined
          ? 'is not complete: it needs secretFile or secret'
          : 'has secret and secretFile: leave one';
      problems.push({ path: [...at, 'token'], message });
    }
  }
  if (isRecord(serveContent)) {
    const at: KeyPath = ['crane', 'serveContent'];
    if (serveContent['v1'] === undefined && serveContent['v2'] === undefined)
      problems.push({ path: at, message: 'is not complete: it needs v2, or v1, or both' });
  }
  if (Array.isArray(redirectJson) && redirectJson.length > 0) return problems;
  for (const [key, what] of Object.entries(OF_REDIRECT_FILES)) {
    const value = crane[key];
    if (value === undefined || (isRecord(value) && Object.keys(value).length === 0)) continue;
    problems.push({
      path: ['crane', key],
      message: `${what}: name their directories under crane.redirectJson`,
    });
  }
  return problems;
}

function hexProblem(secret: string): string | undefined {
  return /^(?:[0-9a-fA-F]{2})+$/.test(secret)
    ? undefined
    : 'is not hexadecimal: an even number of digits 0 to 9 and a to f is expected';
}
