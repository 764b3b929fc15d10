import { Fault, manifestKind, quote } from '@gantry/oci';
import type { FindingLog } from './findings.ts';
import type { MirrorClient } from './mirror-client.ts';
import { cacheControlOf, contentTypeOf, parsePath, POINTER_PATH } from './paths.ts';
import type { FileStat, TreeSource } from './tree-source.ts';
import type { Verification, VerifyLevel } from './verification.ts';

/** Looks at how files are served. */
export interface ServedCheck extends AsyncDisposable {
  /** The same tree; of a web server, its manifests are asked for as clients do, and their headers looked at. */
  readonly source: TreeSource;
  /** Whether a manifest that was read through `source` needs no other look. */
  readonly seesReads: boolean;
  /** Notes what is wrong with how a file is served. */
  check(path: string, found: FileStat): void;
  /** At the end: the pointer, and some of the blobs that are there. */
  finish(verification: Verification): Promise<void>;
}

/** Absent for a directory, which serves nothing, and where the level does not ask for it. */
export function servedCheck(
  source: TreeSource,
  log: FindingLog,
  level: VerifyLevel,
  signal: AbortSignal,
): ServedCheck | undefined {
  if (source.directory !== undefined || level === 'roots') return undefined;
  if (source.asClients === undefined) return level === 'deep' ? storedCheck(source, log) : undefined;
  if (level === 'deep') return answersCheck(source, source.asClients(signal), log);
  return {
    source,
    seesReads: false,
    check: (path, { contentType = '' }) => checkType(log, path, contentType, 'warning'),
    finish: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Of a bucket: what each object is stored with is what it is served with. */
function storedCheck(source: TreeSource, log: FindingLog): ServedCheck {
  const check: ServedCheck['check'] = (path, { contentType, contentEncoding = '', cacheControl = '' }) => {
    if (contentType === undefined) return;
    const isManifest = parsePath(path)?.type === 'manifest';
    if (contentType !== contentTypeOf(path)) {
      const message = `${path} is stored as ${quote(contentType)}, not as ${contentTypeOf(path)}`;
      log.add('wrong-type', message, { path, severity: isManifest ? 'error' : 'warning' });
    }
    if (contentEncoding !== '') sayEncoded(log, path, contentEncoding);
    if (cacheControl !== cacheControlOf(path)) {
      const message = `${path} has the Cache-Control ${quote(cacheControl)}, not ${cacheControlOf(path)}`;
      // What is kept too short costs requests; a pointer that is kept at all hides new serials.
      log.add('wrong-header', message, { path, severity: path === POINTER_PATH ? 'error' : 'warning' });
    }
  };
  return {
    source,
    seesReads: false,
    check,
    finish: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Of a web server: how it answers clients, many of which offer gzip. */
function answersCheck(source: TreeSource, client: MirrorClient, log: FindingLog): ServedCheck {
  const looked = new Set<string>();
  const readManifest = async (path: string, maxBytes: number): Promise<Uint8Array | undefined> => {
    // Several repositories may have it.
    if (looked.has(path)) return source.read(path, maxBytes);
    looked.add(path);
    const answer = await client.read(path, maxBytes).catch(() => undefined);
    // Asked once more, it says what hinders it.
    if (answer?.status !== 200) return source.read(path, maxBytes);
    checkType(log, path, answer.contentType, 'error');
    if (answer.contentEncoding !== '') {
      sayEncoded(log, path, answer.contentEncoding);
      return source.read(path, maxBytes);
    }
    if (answer.sizeBytes === undefined) sayUnsized(log, path);
    return answer.bytes;
  };
  return {
    source: {
      ...source,
      read: (path, maxBytes) =>
        parsePath(path)?.type === 'manifest' ? readManifest(path, maxBytes) : source.read(path, maxBytes),
    },
    seesReads: true,
    check: () => undefined,
    async finish(verification) {
      await checkPointer(source, log);
      for (const path of someBlobs(verification)) {
        verification.signal?.throwIfAborted();
        try {
          await checkBlob(client, log, path, verification.files.get(path)?.size ?? 0);
        } catch (error) {
          const why = error instanceof Error ? error.message : String(error);
          log.addFault(new Fault('UNAVAILABLE', `${path} of ${source.name} can not be read: ${why}`), {
            path,
          });
        }
      }
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

function checkType(log: FindingLog, path: string, type: string, severity: 'error' | 'warning'): void {
  const parsed = parsePath(path);
  if (parsed?.type !== 'manifest' || manifestKind(type) === parsed.kind) return;
  const what = type === '' ? 'no type' : quote(type);
  const message = `${path} comes as ${what}, not as ${contentTypeOf(path)}: clients refuse it, so that this place is good for blobs only`;
  log.add('wrong-type', message, { path, severity });
}

/** How long a pointer may be kept without being asked for again, in seconds. */
const POINTER_KEPT_MAX_S = 60;

async function checkPointer(source: TreeSource, log: FindingLog): Promise<void> {
  const path = POINTER_PATH;
  try {
    const { cacheControl = '' } = (await source.stat(path)) ?? {};
    const keptS = Number(/(?:^|[,\s])max-age=(\d+)/.exec(cacheControl)?.[1] ?? 0);
    if (/no-cache|no-store/.test(cacheControl) || keptS <= POINTER_KEPT_MAX_S) return;
    const message = `${path} has the Cache-Control ${quote(cacheControl)}, not ${cacheControlOf(path)}: new serials are seen late`;
    log.add('wrong-header', message, { path, severity: 'warning' });
  } catch (error) {
    log.addFault(error, { path });
  }
}

const BLOBS_ASKED = 20;
const BLOBS = 'pool/blobs/';

/** Some blobs of those that are there, from all over the pool. */
function someBlobs({ files, absent }: Verification): string[] {
  const blobs: string[] = [];
  for (const [path, { size, done }] of files) {
    if (size > 1 && done && path.startsWith(BLOBS) && !absent.has(path)) blobs.push(path);
  }
  const step = Math.max(1, Math.ceil(blobs.length / BLOBS_ASKED));
  return blobs.filter((_, at) => at % step === 0);
}

async function checkBlob(client: MirrorClient, log: FindingLog, path: string, size: number): Promise<void> {
  const head = await client.head(path);
  if (head.contentEncoding !== '') sayEncoded(log, path, head.contentEncoding);
  else if (head.sizeBytes === undefined) sayUnsized(log, path);
  const count = Math.min(size, 16);
  const part = await client.readFirst(path, count);
  if (part.status === 206 && part.bytes.length === count) return;
  const message = `${path} was asked for ${count} bytes and came as ${part.status}: a pull that was cut off begins anew`;
  log.add('wrong-header', message, { path, severity: 'warning' });
}

function sayEncoded(log: FindingLog, path: string, encoding: string): void {
  const message = `${path} comes with the Content-Encoding ${quote(encoding)}: its bytes are not those of its digest then`;
  log.add('wrong-header', message, { path });
}

function sayUnsized(log: FindingLog, path: string): void {
  log.add('wrong-header', `${path} comes without a Content-Length`, { path, severity: 'warning' });
}
