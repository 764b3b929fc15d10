import type { Scope } from '../auth/scopes.ts';
import type { LdapConfiguration, OidcConfiguration, TokenConfiguration } from './access-configuration.ts';
import type { ChannelConfiguration } from './channel-configuration.ts';
import type { GcConfiguration, KeepConfiguration } from './collection.ts';
import type { ConfirmConfiguration } from './confirm.ts';
import type { LayoutsConfiguration } from './layouts.ts';
import type { ListenAddress } from './listen-address.ts';
import type { SearchConfiguration } from './search.ts';
import type { RedirectJsonConfiguration } from './redirect-json.ts';
import type { PrivateConfiguration, PullTokenMaking, SignedUrlsConfiguration } from './private.ts';
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
  readonly tree: TreeConfiguration;
  /** Further trees by their names. */
  readonly trees: Readonly<Record<string, TreeConfiguration>>;
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
    /** How tokens for private repositories are made; absent: none are. */
    readonly pullTokens?: PullTokenMaking;
    /** Whether changes are refused, whatever the catalog says. */
    readonly readOnly: boolean;
    /** How often one caller may ask. */
    readonly limits: { readonly requestsPerSecond: number; readonly burst: number };
    /** Networks of proxies that are believed whom they ask for. */
    readonly trustedProxies: readonly string[];
    /**
     * Where the administrator's token is kept, which is made at the first start where there is none. Unless it was
     * named: beside the catalog, where that is a file, else in `data` beside the configuration.
     */
    readonly adminTokenFile: string;
  };
  /** When what nothing needs is deleted. */
  readonly gc: GcConfiguration;
  readonly sync: {
    /** Health and metrics of `serve sync`; absent: none. */
    readonly adminListen?: ListenAddress;
  };
  readonly crane: CraneConfiguration;
}

/** A published tree: where it lies, and by which rules. */
export type TreeConfiguration = (FolderPlace | S3Place) & {
  readonly keepUntaggedMs: number;
  readonly refreshMs: number;
  /** Which snapshots stay whole, and how long what none of them reaches lies there still. */
  readonly retention: {
    readonly graceMs: number;
    readonly keepSnapshots: number;
    readonly keepSnapshotsForMs: number;
  };
  /** Other layouts that follow the tree; absent: none. */
  readonly layouts?: LayoutsConfiguration;
  /** Files of the private keys that sign every serial; without any, none does, also after one that was signed; absent: none does. */
  readonly signing?: { readonly keyFiles: readonly string[] };
  /** The built-in static server of the tree; absent: none. */
  readonly listen?: ListenAddress;
  /** How its mirrors are followed; of the main tree alone. */
  readonly confirm?: ConfirmConfiguration;
};

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

/** What is asked of a tag's name. */
export interface NameRulesConfiguration {
  /** Names, globs, or regular expressions between slashes. Absent: all tags are taken. */
  readonly include?: readonly string[];
  readonly exclude: readonly string[];
  readonly semver?: string;
  /** Whether a version before a release is in a range as any other. */
  readonly prereleases?: boolean;
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
  readonly tags: NameRulesConfiguration & {
    /** Further ones: a tag is taken as well if one of them agrees. */
    readonly or?: readonly NameRulesConfiguration[];
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
  /** Absent: all candidates are kept. */
  readonly keep?: KeepConfiguration;
  /** Absent: only on demand. */
  readonly everyMs?: number;
  readonly allow: {
    readonly hosts: readonly string[];
    readonly realms: readonly string[];
    readonly foreignLayers: boolean;
  };
}

/** Where the crane reads the tree. The address has no `/` at its end. */
export type TreePlace = { readonly directory: string } | { readonly url: string };

/** A public key: in PEM, or its file, absolute. */
export type TrustedKeyPlace = { readonly pem: string } | { readonly file: string };

export interface CraneConfiguration extends RedirectJsonConfiguration {
  readonly listen: ListenAddress;
  /** Health and metrics; absent: none. */
  readonly adminListen?: ListenAddress;
  /** Absent: it is not said, and the tree that is published lies in no folder. */
  readonly tree?: TreePlace;
  /** With any, a serial that none of them has signed is refused. */
  readonly trustedKeys: readonly TrustedKeyPlace[];
  readonly pollMs: number;
  readonly serialFile?: string;
  /** A file, absolute, or `stdout`. */
  readonly accessLog?: string;
  readonly name?: string;
  /** Whether `/v2/_catalog` tells all published names. */
  readonly catalog: boolean;
  /** Whether `/` is a page that shows people what is published. */
  readonly page: boolean;
  /** Absent: nothing is looked for. */
  readonly search?: SearchConfiguration;
  /** How many processes answer; `auto` is as many as there are cores. */
  readonly workers: number | 'auto';
  /** What the choice of mirrors depends on besides their names. */
  readonly seed?: string | number;
  readonly manifests: 'auto' | 'redirect' | 'serve';
  readonly status: 302 | 307;
  /** Absent: the built-in static server of the tree, where it runs in the same process. */
  readonly mirrors?: readonly MirrorConfiguration[];
  /** Networks of proxies that are believed whom they ask for. */
  readonly trustedProxies: readonly string[];
  /** Files in MaxMind's format, absolute. */
  readonly geoip: { readonly country?: string; readonly asn?: string };
  /** Absent: plain http. */
  readonly tls?: TlsFiles;
  /** Absent: nothing is private. */
  readonly private?: PrivateConfiguration;
  /** Absent: no mirror looks for signatures. */
  readonly signedUrls?: SignedUrlsConfiguration;
}

export interface MirrorConfiguration {
  readonly name: string;
  /** Where the mirror's copy of the tree begins; no `/` at its end. */
  readonly url: string;
  /** Present: no tree is there, but the mirrorlist of a MirrorManager. */
  readonly mirrormanager?: { readonly path: string; readonly graceMs: number };
  readonly weight: number;
  readonly trusted: boolean;
  /** It serves what is asked for by signed URLs alone. */
  readonly signed: boolean;
  /** Whom it is near to: networks in CIDR notation, numbers of autonomous systems, codes of countries. */
  readonly networks: readonly string[];
  readonly asns: readonly number[];
  readonly countries: readonly string[];
  /** Nobody else is sent to it. */
  readonly private: boolean;
  /** Globs over the published names that it carries. */
  readonly repositories: readonly string[];
}
