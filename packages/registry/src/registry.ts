import type { Readable } from 'node:stream';
import type { Descriptor, Digest } from '@gantry/oci';

/** What a HEAD tells of a manifest. */
export interface ManifestHead {
  readonly digest: Digest;
  /** The Content-Type as it was sent, with any parameters. */
  readonly mediaType: string;
  /** In bytes. */
  readonly size: number;
}

/** A manifest's bytes, whose digest has been computed here. Whether they are a manifest is the caller's to judge. */
export interface FetchedManifest {
  readonly bytes: Buffer;
  /** As it was sent; undefined when the registry sent none. */
  readonly contentType: string | undefined;
  readonly digest: Digest;
}

/** A blob on its way. */
export interface BlobDownload {
  /** The place in the blob of the first byte of `body`: what was asked for, or 0 when the source starts again. */
  readonly offset: number;
  /** The whole blob's size in bytes, when the source tells it. */
  readonly size?: number;
  /**
   * The bytes from `offset` on, not checked against the digest. It must be read to its end or destroyed. An error is a
   * Fault: SOURCE_UNREACHABLE when the connection broke or stood still, and the rest may then be asked for from where it
   * broke.
   */
  readonly body: Readable;
}

export interface CallOptions {
  /** Ends the call, and a blob's body, with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface BlobOptions extends CallOptions {
  /**
   * What the blob's descriptor says, in bytes. Another size is then refused before the first byte, no byte beyond it is
   * handed on, and a body that ends before it is an error.
   */
  readonly size?: number;
}

export interface ReferrersOptions extends CallOptions {
  /** Only those of this artifact type, whether or not the registry can filter. */
  readonly artifactType?: string;
}

export interface ListOptions extends CallOptions {
  /** Told of each name that the grammar does not allow; such a name is not yielded. */
  readonly onRefused?: (name: string) => void;
}

/**
 * A registry that is read from (distribution-spec, "Pull" and "Content Discovery"). Every call is tried up to 5 times
 * while the trouble looks passing. A host's 429 or 503, its Retry-After (up to a minute) and RateLimit headers slow all
 * requests to that host.
 *
 * Every method throws these Faults:
 * - SOURCE_UNREACHABLE: no connection, or none that lasted;
 * - SOURCE_REFUSED: 401 or 403;
 * - SOURCE_ADDRESS_REFUSED: a redirect, token realm or next page led where this source may not lead;
 * - TOOMANYREQUESTS: still 429 at the last attempt; `details.retryAfterSeconds` is when to come back, if the host says so;
 * - SOURCE_FAILED: any other answer that is not as specified;
 * - NAME_INVALID, TAG_INVALID, DIGEST_INVALID: for arguments outside the grammar.
 */
export interface Registry extends AsyncDisposable {
  /** The source's name in the configuration. */
  readonly name: string;
  /** Where it is, for messages: scheme, host and port. */
  readonly url: string;

  /** All repository names, page by page (`_catalog`). */
  repositories(options?: ListOptions): AsyncIterable<string>;

  /** All tags of a repository, page by page. @throws Fault NAME_UNKNOWN */
  tags(repository: string, options?: ListOptions): AsyncIterable<string>;

  /**
   * What a tag or digest stands for now; undefined when there is no such manifest. When HEAD does not tell the digest,
   * the manifest is fetched and hashed.
   * @throws Fault DIGEST_INVALID when the registry names another digest than the one asked for
   */
  head(repository: string, reference: string, options?: CallOptions): Promise<ManifestHead | undefined>;

  /**
   * A manifest's bytes, MANIFEST_MAX_BYTES at the most.
   * @throws Fault MANIFEST_UNKNOWN, NAME_UNKNOWN; MANIFEST_INVALID when it is too large; DIGEST_INVALID when the bytes
   * are not those of the digest that was asked for, or that the registry named
   */
  manifest(repository: string, reference: string, options?: CallOptions): Promise<FetchedManifest>;

  /**
   * Starts to download a blob.
   * @param from the first byte that is wanted, to go on with a download that broke off
   * @throws Fault BLOB_UNKNOWN, NAME_UNKNOWN, SIZE_INVALID; DIGEST_INVALID when the registry names another digest
   */
  blob(repository: string, digest: Digest, from?: number, options?: BlobOptions): Promise<BlobDownload>;

  /**
   * Starts to download a layer that lies elsewhere, at one of its descriptor's `urls`. No credentials go there. The address
   * must be public, the registry's own host, or in `allow.hosts`, after each redirect too; for a registry with https it must
   * be https. The bytes may be anything: nothing but the digest tells.
   * @param from the first byte that is wanted, to go on with a download that broke off
   * @throws Fault BLOB_UNKNOWN, SIZE_INVALID; SOURCE_ADDRESS_REFUSED for a URL that may not be asked
   */
  foreign(url: string, from?: number, options?: BlobOptions): Promise<BlobDownload>;

  /**
   * What refers to a manifest, by the referrers API: none is an empty list. Undefined when the registry does not answer by
   * that API (404, or something that is no index): the caller then looks at the fallback tag (`referrersTag`). That it has no
   * such API is remembered for an hour, but not when it says that it does not know the repository or manifest.
   */
  referrers(
    repository: string,
    digest: Digest,
    options?: ReferrersOptions,
  ): Promise<Descriptor[] | undefined>;
}
