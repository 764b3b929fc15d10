import {
  type Digest,
  digestOf,
  isForeign,
  MANIFEST_MAX_BYTES,
  MANIFEST_MEDIA_TYPES,
  parseManifest,
  quote,
  splitDigest,
} from '@gantry/oci';
import type { RepositoryDocument } from './documents.ts';
import { type Finding, findingLog, tagName } from './findings.ts';
import { blobPath, indexPath, manifestPath } from './paths.ts';
import { MAX_DOCUMENT_BYTES } from './reading-json.ts';
import { decodeReferrers } from './referrers.ts';
import { assembleRepository, decodeRepositoryFile } from './repository-file.ts';
import type { TreeSource } from './tree-source.ts';

/** What a look at one repository has given. Plain values: it may come from another thread. */
export interface RepositoryReport {
  /** Its document, with its parts and those of its referrers, as far as they could be read. */
  readonly documents: readonly DocumentReport[];
  /** What the documents name: path, size and `since` of each manifest and blob. Paths are lines of one text, which is quickly sent. */
  readonly paths: string;
  readonly sizes: readonly number[];
  readonly since: readonly number[];
  /** Places in `paths` of those whose bytes were proved. */
  readonly proved: readonly number[];
  /** Bytes that were read of those. */
  readonly bytes: number;
  readonly findings: readonly Finding[];
}

/** A document of `pool/index`, and whether its bytes are those of its digest. */
export interface DocumentReport {
  readonly path: string;
  /** What it is, for messages. */
  readonly what: string;
  readonly state: 'proved' | 'missing' | 'corrupt';
  readonly size: number;
}

/** Thrown for a document that could not be had; why is in the report already. */
const NOTED = new Error('noted');

/** Of one repository; all are counted. */
const MAX_FINDINGS = 100;

/**
 * Reads the document of a repository and all that it names in `pool/index`, and holds them to each other; with `deep` its
 * manifests too.
 * @throws Fault UNAVAILABLE when so much can not be read that the place must be gone
 */
export async function verifyRepository(
  source: Pick<TreeSource, 'read'>,
  name: string,
  digest: Digest,
  deep: boolean,
): Promise<RepositoryReport> {
  const report = newReport(source, name);
  const what = `the document of ${quote(name)}`;
  const repository = await report.readAs(digest, what, (bytes, where) =>
    assembleRepository(
      decodeRepositoryFile(bytes, where),
      (part) => report.read(part, `a part of ${what}`),
      where,
    ),
  );
  if (repository === undefined) return report.done();
  const path = indexPath(digest);
  const invalid = (message: string, tag?: string) =>
    report.log.add('invalid', message, { path, repository: name, ...(tag === undefined ? {} : { tag }) });
  if (repository.name !== name) invalid(`${what} names itself ${quote(repository.name)}`);
  for (const [tag, target] of repository.tags) {
    if (!repository.manifests.has(target)) {
      invalid(`${tagName(name, tag)} is ${target}, which is not among its manifests`, tag);
    }
  }
  for (const [manifest, { kind, size, since }] of repository.manifests) {
    report.names(manifestPath(kind, manifest), size, since);
  }
  for (const [blob, { size, since }] of repository.blobs) report.names(blobPath(blob), size, since);
  for (const [subject, list] of repository.referrers) {
    const about = `the referrers of ${subject} in ${quote(name)}`;
    for (const { digest: referrer } of (await report.readAs(list, about, decodeReferrers)) ?? []) {
      if (!repository.manifests.has(referrer)) {
        invalid(`${referrer} refers to ${subject} in ${quote(name)}, and is not among its manifests`);
      }
    }
  }
  if (deep) await verifyManifests(source, report, repository, invalid);
  return report.done();
}

/** Each manifest's bytes, digest and kind, and that the repository has its blobs. */
async function verifyManifests(
  source: Pick<TreeSource, 'read'>,
  report: NewReport,
  repository: RepositoryDocument,
  invalid: (message: string) => void,
): Promise<void> {
  let place = -1; // as they were named above
  for (const [digest, { kind, size }] of repository.manifests) {
    place++;
    const path = manifestPath(kind, digest);
    try {
      const bytes = await source.read(path, MANIFEST_MAX_BYTES);
      // Absent, of another size or corrupt: found when the files are looked at.
      if (bytes?.length !== size || digestOf(bytes, splitDigest(digest).algorithm) !== digest) continue;
      report.provedFile(place, bytes.length);
      const manifest = parseManifest(bytes, MANIFEST_MEDIA_TYPES[kind], digest);
      for (const blob of manifest.blobs) {
        if (repository.blobs.has(blob.digest) || isForeign(blob)) continue;
        invalid(`${digest} needs the blob ${blob.digest}, which ${quote(repository.name)} does not name`);
      }
    } catch (error) {
      report.log.addFault(error, { path });
    }
  }
}

type NewReport = ReturnType<typeof newReport>;

function newReport(source: Pick<TreeSource, 'read'>, repository: string) {
  const log = findingLog(MAX_FINDINGS);
  const documents: DocumentReport[] = [];
  const [paths, sizes, since, proved]: [string[], number[], number[], number[]] = [[], [], [], []];
  let provedBytes = 0;

  /** The bytes of a document whose digest is right. @throws NOTED */
  const read = async (digest: Digest, what: string): Promise<Uint8Array> => {
    const path = indexPath(digest);
    const bytes = await source.read(path, MAX_DOCUMENT_BYTES);
    const isRight = bytes !== undefined && digestOf(bytes) === digest;
    const state = isRight ? 'proved' : bytes === undefined ? 'missing' : 'corrupt';
    documents.push({ path, what, state, size: bytes?.length ?? 0 });
    if (!isRight) throw NOTED;
    return bytes;
  };

  return {
    log,
    read,
    /** A document, decoded; undefined when it is not as it should be, which is noted. */
    async readAs<T>(
      digest: Digest,
      what: string,
      decode: (bytes: Uint8Array, where: string) => T | Promise<T>,
    ): Promise<T | undefined> {
      const path = indexPath(digest);
      try {
        return await decode(await read(digest, what), `${what}, ${path}`);
      } catch (error) {
        if (error !== NOTED) log.addFault(error, { path, repository });
        return undefined;
      }
    },
    names(path: string, size: number, from: number) {
      paths.push(path);
      sizes.push(size);
      since.push(from);
    },
    provedFile(place: number, size: number) {
      proved.push(place);
      provedBytes += size;
    },
    done: (): RepositoryReport => ({
      documents,
      paths: paths.join('\n'),
      sizes,
      since,
      proved,
      bytes: provedBytes,
      findings: log.findings,
    }),
  };
}
