import { manifestKind, quote } from '@gantry/oci';
import type { Statement } from './documents.ts';
import { hashFile } from './hash-file.ts';
import { forEachParallel } from './parallel.ts';
import { parsePath } from './paths.ts';
import type { TreeSource } from './tree-source.ts';
import type { ExpectedFile, Verification } from './verification.ts';

/**
 * Looks at every expected file: that it is there, its size, with `deep` its digest, and of a web server's manifests the
 * Content-Type. Where the place can be listed, files that nobody expects are found, too.
 * @param poolKnown whether the lists told all that may lie in the pool
 */
export async function verifyFiles(
  verification: Verification,
  statement: Statement,
  poolKnown: boolean,
): Promise<void> {
  if (verification.source.list === undefined) await askForEach(verification);
  else await listAll(verification, verification.source.list(''), statement, poolKnown);
}

/** A web server is asked for one file after the other. */
async function askForEach(verification: Verification): Promise<void> {
  const { source, log, expected, parallel } = verification;
  const wrongTypes = new Map<string, { path: string; count: number }>();
  await forEachParallel(expected, parallel, async ([path, file]) => {
    const parsed = parsePath(path);
    if (file.done && parsed?.type !== 'manifest') return;
    try {
      const found = await source.stat(path);
      if (found === undefined) reportMissing(verification, path);
      else {
        await checkFile(verification, path, file, found.size);
        const type = found.contentType;
        if (parsed?.type !== 'manifest' || type === undefined || manifestKind(type) === parsed.kind) return;
        const key = `manifests of the kind ${parsed.kind} come as ${type === '' ? 'no type' : quote(type)}`;
        wrongTypes.set(key, { path, ...wrongTypes.get(key), count: (wrongTypes.get(key)?.count ?? 0) + 1 });
      }
    } catch (error) {
      log.addFault(error, { path });
    }
  });
  for (const [what, { path, count }] of wrongTypes) {
    const message = `${what}: ${count} of them, ${path} is one. Clients refuse them, so that this place is good for blobs only`;
    log.add('wrong-type', message, { path, severity: 'warning' });
  }
}

/** A directory is walked once, which also shows what does not belong there. */
async function listAll(
  verification: Verification,
  files: ReturnType<NonNullable<TreeSource['list']>>,
  statement: Statement,
  poolKnown: boolean,
): Promise<void> {
  const { log, expected, parallel } = verification;
  await forEachParallel(files, parallel, async ({ path, size, irregular }) => {
    const file = expected.get(path);
    if (file === undefined) {
      if (path.startsWith(UNFINISHED)) return;
      const why = irregular === true ? NOT_PLAIN : strangeness(path, statement, poolKnown);
      if (why !== undefined) log.add('extra', `${path} ${why}`, { path, severity: 'warning' });
      return;
    }
    file.seen = true;
    if (irregular === true) {
      log.add('invalid', `${path} ${NOT_PLAIN}`, { path });
      return;
    }
    try {
      await checkFile(verification, path, file, size);
    } catch (error) {
      log.addFault(error, { path });
    }
  });
  for (const [path, { seen, done }] of expected) {
    if (seen || (done && parsePath(path)?.type === 'index')) continue;
    reportMissing(verification, path);
  }
}

/** Where a publisher in a folder keeps what it has not finished; no reader looks there, and no mirror takes it along. */
const UNFINISHED = '.tmp/';

const NOT_PLAIN = 'is no plain file: a tree holds no links and no devices';

/** Why a file that nobody expects should not be there. */
function strangeness(path: string, { serial }: Statement, poolKnown: boolean): string | undefined {
  const parsed = parsePath(path);
  if (parsed === undefined) return "is no name of the tree's";
  if ('digest' in parsed) return poolKnown ? `is in no list up to serial ${serial}: an orphan` : undefined;
  if ('serial' in parsed && parsed.serial > serial)
    return `is above serial ${serial}, which is the current one`;
  return undefined;
}

async function checkFile(
  verification: Verification,
  path: string,
  file: ExpectedFile,
  size: number,
): Promise<void> {
  const { source, log, deep, count } = verification;
  const parsed = parsePath(path);
  if (file.done || parsed === undefined || !('digest' in parsed)) {
    if (parsed?.type !== 'index') count(1, 0);
    return;
  }
  if (size !== file.size) {
    count(1, 0);
    log.add('wrong-size', `${path} has ${size} bytes, and should have ${file.size}`, { path });
    return;
  }
  const hashed = deep ? await hashFile(source, path, parsed.digest) : undefined;
  count(1, hashed?.size ?? 0);
  if (deep && hashed === undefined) log.add('missing', `${path} is absent`, { path });
  if (hashed?.matches === false) {
    log.add('corrupt', `the bytes of ${path} are not those of its digest`, { path });
  }
}

function reportMissing({ log, count }: Verification, path: string): void {
  count(1, 0);
  log.add('missing', `${path} is absent`, { path });
}
