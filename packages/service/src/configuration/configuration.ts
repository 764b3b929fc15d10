import type { SignatureAlgorithm } from '../auth/jwt/limits.ts';
import type { Scope } from '../auth/scopes.ts';
import type { ListenAddress } from './listen-address.ts';
import type { Secret } from './secret.ts';

/** What is in force: every default filled in, durations in milliseconds, paths absolute. */
export interface Configuration {
  readonly storage: FolderPlace | S3Place;
  readonly catalog:
    | { readonly sqlite: { readonly file: string } }
    | { readonly mongodb: { readonly url: Secret } };
  readonly messages: ({ readonly embedded: { readonly file: string } } | { readonly amqp: AmqpPlace }) & {
    /** What messages in the queue may command. */
    readonly commandScopes: readonly Scope[];
  };
  readonly tree: (FolderPlace | S3Place) & {
    readonly keepUntaggedMs: number;
    readonly refreshMs: number;
    /** Files of the private keys that sign every serial; absent: none does. */
    readonly signing?: { readonly keyFiles: readonly string[] };
    /** The built-in static server of the tree; absent: none. */
    readonly listen?: ListenAddress;
  };
  readonly sources: readonly SourceConfiguration[];
  readonly channels: readonly ChannelConfiguration[];
  readonly api: {
    readonly listen: ListenAddress;
    /** Files in PEM; absent: plain http. */
    readonly tls?: TlsFiles;
    readonly tokens: readonly TokenConfiguration[];
    /** Issuers whose JWTs are taken. */
    readonly oidc: readonly OidcConfiguration[];
    /** A directory whose users are known; absent: none. */
    readonly ldap?: LdapConfiguration;
    /** Whether changes are refused, whatever the catalog says. */
    readonly readOnly: boolean;
    /** How often one caller may ask. */
    readonly limits: { readonly requestsPerSecond: number; readonly burst: number };
    /**
     * Where the administrator's token is kept, which is made at the first start where there is none. Unless it was
     * named: beside the catalog, where that is a file, else in `data` beside the configuration.
     */
    readonly adminTokenFile: string;
  };
  readonly sync: {
    /** Health and metrics of `serve sync`; absent: none. */
    readonly adminListen?: ListenAddress;
  };
  readonly crane: CraneConfiguration;
}

/** A folder, absolute. */
export interface FolderPlace {
  readonly filesystem: { readonly root: string };
}

/** A bucket, or the part of it that a prefix names. */
export interface S3Place {
  readonly s3: {
    readonly bucket: string;
    readonly prefix?: string;
    /** Absent: AWS. */
    readonly endpoint?: string;
    readonly region?: string;
    readonly forcePathStyle?: boolean;
    /** Absent: as the AWS SDK finds them. */
    readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: Secret };
  };
}

/** An AMQP broker. */
export interface AmqpPlace {
  readonly url: Secret;
  readonly exchange: string;
  readonly tls: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
}

/** A certificate, with those that it was signed by, and its key. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface SourceConfiguration {
  readonly name: string;
  /** `https://host[:port]`, or `http://…` where it was written so. */
  readonly registry: string;
  readonly credentials?:
    | { readonly username: string; readonly password: Secret }
    | { readonly token: Secret };
  readonly tls: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  /** Globs over the registry's catalogue, or plain names. */
  readonly repositories: readonly string[];
  readonly rename?: { readonly from: string; readonly to: string };
  /** Names, globs, or regular expressions between slashes. Without `include` all tags are taken. */
  readonly tags: {
    readonly include?: readonly string[];
    readonly exclude: readonly string[];
    readonly semver?: string;
    readonly notOlderThanMs?: number;
    readonly latest?: number;
    readonly latestBy?: 'semver' | 'created';
  };
  /** Absent: all. */
  readonly platforms?: readonly string[];
  readonly referrers: boolean;
  readonly limits: {
    readonly connections?: number;
    readonly requestsPerSecond?: number;
    readonly burst?: number;
  };
  /** Absent: only on demand. */
  readonly everyMs?: number;
  readonly allow: {
    readonly hosts: readonly string[];
    readonly realms: readonly string[];
    readonly foreignLayers: boolean;
  };
}

export interface ChannelConfiguration {
  readonly name: string;
  readonly prefix: string;
  /** Absent: references are looked up among candidates. */
  readonly from?: string;
  readonly publish: boolean;
  readonly gates: readonly GateConfiguration[];
  /** Absent: any tag may be set. */
  readonly tags?: TagRulesConfiguration;
}

/** One of a channel's gates: durations in milliseconds, paths absolute. */
export type GateConfiguration = {
  readonly name: string;
  /** Absent: as long as gates of its kind do. */
  readonly waitMs?: number;
} & GateRuleConfiguration;

/** What a gate asks for: one member, named as the gate's kind. */
export type GateRuleConfiguration =
  | { readonly results: ResultsRuleConfiguration }
  | { readonly approvals: ApprovalsRuleConfiguration }
  | { readonly match: MatchRuleConfiguration }
  | { readonly age: { readonly atLeastMs: number; readonly channel?: string } }
  | { readonly signature: { readonly keyFiles: readonly string[]; readonly count?: number } }
  | { readonly referrers: { readonly artifactTypes: readonly string[] } }
  | { readonly vulnerabilities: VulnerabilitiesRuleConfiguration }
  | { readonly http: HttpRuleConfiguration };

export interface ResultsRuleConfiguration {
  readonly testcases: readonly string[];
  readonly sources?: readonly string[];
  readonly scenarios?: readonly string[];
}

export interface ApprovalsRuleConfiguration {
  readonly count: number;
  readonly by?: readonly string[];
  readonly groups?: readonly string[];
}

export interface MatchRuleConfiguration {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface VulnerabilitiesRuleConfiguration {
  readonly atMost: Readonly<
    Partial<Record<'critical' | 'high' | 'medium' | 'low' | 'negligible' | 'unknown', number>>
  >;
  readonly sources?: readonly string[];
  readonly maxAgeMs?: number;
  readonly onlyFixable: boolean;
  /** `until` as RFC 3339 in UTC. */
  readonly allow: readonly { readonly id: string; readonly until: string; readonly reason: string }[];
}

export interface HttpRuleConfiguration {
  readonly url: string;
  readonly timeoutMs: number;
  readonly token?: Secret;
  readonly caFile?: string;
}

export interface TagRulesConfiguration {
  readonly names?: readonly string[];
  readonly immutable: readonly string[];
  readonly movers: readonly {
    readonly tags: readonly string[];
    readonly by: readonly string[];
    readonly groups: readonly string[];
  }[];
}

export interface TokenConfiguration {
  readonly name: string;
  readonly token: Secret;
  readonly scopes: readonly Scope[];
  readonly groups: readonly string[];
}

/** Whose JWTs are taken, which of them, and what they allow. */
export interface OidcConfiguration {
  readonly name: string;
  readonly issuer: string;
  readonly audience: readonly string[];
  readonly algorithms: readonly SignatureAlgorithm[];
  /** Absent: as the discovery document says. */
  readonly jwksUri?: string;
  readonly caFile?: string;
  readonly clockToleranceMs: number;
  readonly nameClaim: string;
  readonly groupsClaim: string;
  readonly scopes: readonly {
    readonly claim: string;
    readonly value: string;
    readonly scopes: readonly Scope[];
  }[];
}

/** Where users and their groups are looked up, and what groups allow. */
export interface LdapConfiguration {
  readonly url: string;
  readonly startTls: boolean;
  readonly caFile?: string;
  /** Who looks; absent: nobody, anonymously. */
  readonly bind?: { readonly dn: string; readonly password: Secret };
  /** `{user}` in the filter stands for the name that was given. */
  readonly users: DirectorySearch;
  /** `{dn}` stands for the user that was found. */
  readonly groups: DirectorySearch;
  /** By the name of the group. */
  readonly scopes: Readonly<Record<string, readonly Scope[]>>;
  readonly timeoutMs: number;
}

/** What is looked for in a directory. */
export interface DirectorySearch {
  readonly base: string;
  readonly filter: string;
  /** The attribute with the name of what is found. */
  readonly name: string;
}

/** Where the crane reads the tree. The address has no `/` at its end. */
export type TreePlace = { readonly directory: string } | { readonly url: string };

/** A public key: in PEM, or its file, absolute. */
export type TrustedKeyPlace = { readonly pem: string } | { readonly file: string };

export interface CraneConfiguration {
  readonly listen: ListenAddress;
  /** Health and metrics; absent: none. */
  readonly adminListen?: ListenAddress;
  /** Absent: it is not said, and the tree that is published lies in no folder. */
  readonly tree?: TreePlace;
  /** With any, a serial that none of them has signed is refused. */
  readonly trustedKeys: readonly TrustedKeyPlace[];
  readonly pollMs: number;
  readonly serialFile?: string;
  readonly name?: string;
  readonly manifests: 'auto' | 'redirect' | 'serve';
  readonly status: 302 | 307;
  /** Absent: the built-in static server of the tree, where it runs in the same process. */
  readonly mirrors?: readonly MirrorConfiguration[];
}

export interface MirrorConfiguration {
  readonly name: string;
  /** Where the mirror's copy of the tree begins; no `/` at its end. */
  readonly url: string;
  readonly weight: number;
  readonly trusted: boolean;
}
