import type {
  ListenAddress,
  PrivateConfiguration,
  SearchConfiguration,
  SignedUrlsConfiguration,
  TlsFiles,
  TreePlace,
} from '@gantry/service';
import type { PublicKey } from '@gantry/tree';
import type { MirrorOptions } from './choose/mirror.ts';
import type { RedirectJsonOptions } from './redirect-json/redirect-json.ts';

/** What the crane logs with; pino's methods of these names fit. */
export interface CraneLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The crane's configuration, checked already as far as one value alone can be. */
export interface CraneOptions {
  /** Port 0 asks the system for a free one. */
  readonly listen: ListenAddress;
  /** Health and metrics; absent: none. */
  readonly adminListen?: ListenAddress;
  /**
   * The published tree: a directory or an http(s) URL, as one text or told apart already; absent: there is none, and
   * `redirectJson` tells of all that is served.
   */
  readonly tree?: string | TreePlace;
  /** Redirect files of Pulp, for names that the tree does not have; absent: there are none. */
  readonly redirectJson?: Omit<RedirectJsonOptions, 'compat' | 'status'>;
  /** Whether errors, and the redirects of redirect files, are as Pulp's Crane has them. */
  readonly compat?: boolean;
  /** Keys of which one must have signed a serial, of the tree or of a mirror; with none signatures are not looked at. */
  readonly trustedKeys?: readonly PublicKey[];
  /** How often the pointer of a tree behind a URL is read, and each mirror that is well is probed. */
  readonly pollMs: number;
  readonly status: 302 | 307;
  readonly manifests: 'redirect' | 'serve' | 'auto';
  readonly mirrors: readonly MirrorOptions[];
  /** Proxies that are believed whom they ask for, by X-Forwarded-For; absent: none. */
  readonly trustedProxies?: readonly string[];
  /** Files in MaxMind's format that tell where addresses are; absent: nobody's place is known. */
  readonly geoip?: { readonly country?: string; readonly asn?: string };
  /** The crane's own public host, if it should refuse mirrors on it or below it. */
  readonly name?: string;
  /** Cranes with the same seed choose the same mirrors, others different ones; absent: the mirrors' names alone decide. */
  readonly seed?: string | number;
  /** Whether `/v2/_catalog` tells all published names; absent: it does not. */
  readonly catalog?: boolean;
  /** Whether `/` is a page that shows people what is published; absent: it is not. */
  readonly page?: boolean;
  /** Who looks for repositories at `/v1/search`; absent: nobody does. */
  readonly search?: SearchConfiguration;
  /** HTTPS; absent: plain http. */
  readonly tls?: TlsFiles;
  /** What not everybody may read, and how those are known who may; absent: nothing. */
  readonly private?: PrivateConfiguration;
  /** How URLs are signed for mirrors that look for it. */
  readonly signedUrls?: SignedUrlsConfiguration;
  /** Remembers the highest serial across restarts. */
  readonly serialFile?: string;
  /** Where a line is written of each answer: a file's path, or `stdout`; absent: nowhere. */
  readonly accessLog?: string;
  readonly logger: CraneLogger;
}
